"""Names in the example's README: files, commands of the Makefile, variables, extras."""

import re
import tomllib
from pathlib import Path

from signflow.backend.settings import Settings
from tests.support.dockerfile import ROOT
from tests.support.signflow_processes import SIGNFLOW

README = (SIGNFLOW / "README.md").read_text("utf-8")
MAKEFILE = (SIGNFLOW / "Makefile").read_text("utf-8")


def test_the_tests_and_files_are_there() -> None:
    tests = re.findall(r"tests/[\w/]+\.py", README)
    assert [test for test in tests if not (ROOT / test).exists()] == []
    assert tests
    cells = [
        re.findall(r"`([\w.-]+\.(?:py|json|yaml|onnx|npz))`", cells)
        for cells in re.findall(r"^\| (`.*?`) \|", README, re.MULTILINE)
    ]
    folders = (SIGNFLOW, ROOT / "handler" / "examples" / "signflow")
    found = {file.name for folder in folders for file in folder.rglob("*")}
    assert [file for files in cells for file in files if file not in found] == []


def test_the_commands_and_their_variables_are_the_makefile_s() -> None:
    targets = set(re.findall(r"^(\w+):", MAKEFILE, re.MULTILINE))
    commands = re.findall(r"(?:`|^    )make (\w+)((?: [A-Z]+=\S+)*)", README.replace("`make test`", ""), re.MULTILINE)
    assert {target for target, _ in commands} <= targets
    assert {name for _, words in commands for name in re.findall(r"([A-Z]+)=", words)} <= set(
        re.findall(r"^(\w+) \?=", MAKEFILE, re.MULTILINE)
    )


def test_every_setting_of_the_backend_has_its_line_with_its_default() -> None:
    lines = [line for line in README.splitlines() if line.startswith("| `")]
    for name, field in Settings.model_fields.items():
        (line,) = [line for line in lines if f"`{name.upper()}`" in line.split(" | ")[0]]
        if field.default not in (None, ""):
            assert str(field.default).lower() in line.lower()


def test_the_extras_that_are_installed_are_the_package_s() -> None:
    package = tomllib.loads(Path(SIGNFLOW / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {
        extra
        for extras in re.findall(r"signflow\[([\w,]+)\]|`\[([\w,]+)\]`", README)
        for extra in ",".join(extras).split(",")
    }
    assert extras - {""} == set(package["optional-dependencies"])
