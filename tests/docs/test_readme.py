"""The commands of README.md, typed exactly as they are written, in a fresh folder; its links lead to files."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.dockerfile import ROOT
from tests.support.free_ports import free_port
from tests.support.load import status, until

README = (ROOT / "README.md").read_text(encoding="utf-8")
STEPS = README[README.index("## Ten minutes") : README.index("## Moving from TorchServe")]
SERVER = re.compile(r"^(make serve|marserve serve .*)$", re.MULTILINE)
FILES = ("Makefile", "pyproject.toml", "constraints.txt")


class Shell:
    """Types blocks of commands; a server that one of them starts runs until the next one, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        commands = Path(sys.executable).parent
        self._environ = {
            **os.environ, "PORT": str(self.port), "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(folder / "cache"),
        }  # fmt: skip
        self._server: subprocess.Popen[bytes] | None = None

    def run(self, block: str) -> str:
        """The output of the block's commands, before the server that it may start at its end."""
        found = SERVER.search(block)
        commands = (block[: found.start()] if found else block).replace("8080", str(self.port))
        done = subprocess.run(
            ["bash", "-euc", commands], cwd=self._folder, env=self._environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        if found:
            self._serve(found[0])
        return done.stdout

    def stop(self) -> None:
        """Press Ctrl-C."""
        if self._server is not None:
            os.killpg(self._server.pid, signal.SIGINT)
            self._server.wait(30)

    def _serve(self, command: str) -> None:
        self.stop()
        with (self._folder / "server.log").open("wb") as log:
            self._server = subprocess.Popen(
                ["bash", "-c", command], cwd=self._folder, env=self._environ, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        until(self._is_ready)

    def _is_ready(self) -> bool:
        try:
            return status(f"http://127.0.0.1:{self.port}/v2/health/ready") == 200
        except OSError:
            return False


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell in a folder that looks like a clone whose environment is made already."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "activate").touch()
    (binaries / "marserve").symlink_to(Path(sys.executable).with_name("marserve"))
    (tmp_path / ".venv" / "installed").touch()
    shell = Shell(tmp_path)
    yield shell
    shell.stop()


def blocks(text: str, language: str) -> list[str]:
    """The contents of the code blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_every_step_of_the_first_ten_minutes_works_as_written(shell: Shell) -> None:
    first, ask, own, ask_own, archive, switch = blocks(STEPS, "sh")
    shell.run(first)
    assert json.loads(shell.run(ask)) == json.loads(blocks(STEPS, "json")[0])
    shell.run(own)
    until(lambda: shell.run(ask_own) == "HELLO!")
    shell.run(archive)
    assert shell.run(ask_own) == "HELLO!"
    assert shell.run(switch).endswith("HELLO!!!")
    for command in re.findall(r"`([^`]+)`", STEPS[STEPS.index("### And then") :]):
        assert shell.run(command) != ""


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))])
def test_links_lead_to_files(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (ROOT / page).parent.joinpath(link).exists()] == []


def test_the_table_of_extras_is_complete() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    table = README[README.index("| extra | for |") : README.index("On Linux, pip's usual torch")]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(project["optional-dependencies"]) - {"dev"}
