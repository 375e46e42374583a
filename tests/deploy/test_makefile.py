"""`make install` with interpreters that are no good: one sentence each, with the cure."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.dockerfile import ROOT

NO_VENV = '[ "$1" = -m ] && exit 1; exit 0'
NO_NETWORK = """
[ "$1" = -m ] && [ "$2" = venv ] || exit 0
mkdir -p .venv/bin
printf '#!/bin/sh\\nexit 1\\n' > .venv/bin/python
chmod +x .venv/bin/python
"""


@pytest.mark.parametrize(
    ("python", "cure"),
    [
        ("exit 1", "marserve needs Python 3.11 or later; install one, or name the one that you have"),
        (NO_VENV, "cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv"),
        (NO_NETWORK, "behind a proxy set HTTPS_PROXY"),
    ],
)
def test_an_install_that_fails_names_the_cure(tmp_path: Path, python: str, cure: str) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\n{python}\n")
    script.chmod(0o755)
    done = subprocess.run(
        ["make", "install", f"PYTHON={script}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert cure in done.stdout
    assert not (tmp_path / ".venv" / "installed").exists()


def test_an_interpreter_that_is_new_enough_is_chosen() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", "install"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "-m venv .venv" in done.stdout
