"""The Dockerfile, as far as it can be held without an engine: its words, and the onnx image rehearsed in folders."""

import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.conftest import MakeArchive
from tests.support.dockerfile import DOCKERFILE, ROOT, chain, context, stages
from tests.support.processes import Server

HADOLINT = Path(sys.executable).with_name("hadolint")
TARGETS = ("onnx", "cpu", "cuda", "kserve")
LIMIT = 230 << 20
"""Bytes of the onnx image's packages: with a slim Python image below them (about 120 MiB) they stay under 350 MiB."""


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint comes for x86-64 Linux only")
def test_the_linter_has_nothing_to_say() -> None:
    done = subprocess.run([HADOLINT, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("target", TARGETS)
def test_every_image_runs_as_an_ordinary_user_and_can_tell_its_health(target: str) -> None:
    below = chain(target)
    runtime = below[0]
    assert runtime.all("USER") == ["1000:1000"]
    assert not any(stage.all("USER") for stage in below[1:])
    assert runtime.all("STOPSIGNAL") == ["SIGTERM"]
    assert runtime.words("HEALTHCHECK")[1] == "/usr/local/bin/healthcheck.py"
    assert "PORT=8080" in runtime.all("ENV")[0]


def test_only_what_the_images_need_travels_to_the_builder() -> None:
    files = context()
    assert sum((ROOT / path).stat().st_size for path in files) < 4 << 20
    assert {path.parts[0] for path in files} == {
        "app", "handler", "marserve.py", "model_registry", "deploy",
        "LICENSE", "README.md", "constraints.txt", "pyproject.toml",
    }  # fmt: skip
    assert not any(path.suffix == ".pyc" for path in files)


def test_what_is_copied_is_there() -> None:
    files = context()
    for stage in stages().values():
        for arguments in stage.all("COPY"):
            sources = [word for word in shlex.split(arguments)[:-1] if not word.startswith("--")]
            origin = [word for word in shlex.split(arguments) if word.startswith("--from=")]
            assert origin or all(source == "." or Path(source) in files for source in sources)
            assert not origin or origin[0].removeprefix("--from=") in stages()


def test_installs_are_pinned_and_name_extras_that_there_are() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    for command in (
        run for stage in stages().values() for run in stage.all("RUN") if " install " in run and "pip" in run
    ):
        assert "--constraint constraints.txt" in command
        wanted = shlex.split(command)[-1]
        _, bracket, extra = wanted.partition("[")
        assert (
            set(extra.rstrip("]").split(",")) <= project["optional-dependencies"].keys()
            if bracket
            else wanted.startswith("$(") or wanted in pinned
        )


def test_the_commands_of_the_images_are_installed_by_the_package() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    entrypoint = (ROOT / "deploy" / "entrypoint.sh").read_text()
    started = [
        line.split()[1] for line in entrypoint.splitlines() if line.strip().startswith("exec") and '"$@"' in line
    ]
    assert {name for name in started if name != '"$@"'} <= scripts.keys()
    assert chain("onnx")[0].words("ENTRYPOINT") == ["entrypoint.sh"]


@pytest.mark.parametrize(
    ("words", "becomes"),
    [
        ([], "marserve serve --host 0.0.0.0"),
        (["serve"], "marserve serve --host 0.0.0.0"),
        (["serve", "--models", "all"], "marserve serve --host 0.0.0.0 --models all"),
        (["torchserve", "--start", "--ncs"], "torchserve --foreground --start --ncs"),
        (["sh", "-c", "echo else"], "else"),
    ],
)
def test_the_entry_point_serves_or_runs_what_it_is_told(tmp_path: Path, words: list[str], becomes: str) -> None:
    for name in ("marserve", "torchserve"):
        (tmp_path / name).write_text('#!/bin/sh\necho "${0##*/}" "$@"\n')
        (tmp_path / name).chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["/bin/sh", ROOT / "deploy" / "entrypoint.sh", *words], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == becomes + "\n"


@pytest.mark.parametrize(
    ("words", "given", "mounted", "read"),
    [
        ([], None, False, "own/serve.properties"),
        (["torchserve", "--start"], None, False, "own/torchserve.properties"),
        (["torchserve", "--start", "--ts-config", "mine"], None, False, ""),
        (["torchserve", "--start", "--ts-config=mine"], None, False, ""),
        (["torchserve", "--start"], "mine", False, "mine"),
        (["torchserve", "--start"], None, True, ""),
        (["serve"], None, True, ""),
    ],
)
def test_each_command_has_a_configuration_of_its_own_unless_there_is_another(
    tmp_path: Path, words: list[str], given: str | None, mounted: bool, read: str
) -> None:
    for name in ("marserve", "torchserve"):
        (tmp_path / name).write_text('#!/bin/sh\nprintf %s "${TS_CONFIG_FILE-}"\n')
        (tmp_path / name).chmod(0o755)
    if mounted:
        (tmp_path / "config.properties").touch()
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "MARSERVE_PROPERTIES": "own"}
    environ |= {"TS_CONFIG_FILE": given} if given else {}
    entrypoint = ROOT / "deploy" / "entrypoint.sh"
    done = subprocess.run(["/bin/sh", entrypoint, *words], cwd=tmp_path, env=environ, capture_output=True, check=True)
    assert done.stdout.decode() == read


def test_the_command_of_the_kserve_image_is_kserves_own(tmp_path: Path) -> None:
    from app.commands.options import torchserve_parser

    words = stages()["kserve"].words("CMD")
    arguments = torchserve_parser().parse_args([*words[1:], "--foreground"])
    assert (arguments.start, arguments.model_store) == (True, "/mnt/models/model-store")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The onnx image as a folder: its RUN and COPY lines carried out below it, and then nothing in it writable."""
    root = tmp_path_factory.mktemp("image")
    for path in context():
        (root / "context" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, root / "context" / path)
    for name in ("tools", "wheel", "onnx-packages"):
        for command in stages()[name].all("RUN"):
            _run(command, root)
    for folder in (root / "opt", root / "context"):
        _make_read_only(folder)
    yield root
    shutil.rmtree(root, ignore_errors=True)


def _run(command: str, root: Path) -> None:
    moved = command.replace("/opt/marserve", f"{root}/opt/marserve").replace("/wheels", f"{root}/wheels")
    tools = root / "tools"  # stands for the base image's own Python
    if not tools.exists():
        subprocess.run([sys.executable, "-m", "venv", tools], check=True)
    environ = os.environ | {"PATH": f"{tools}/bin:{os.environ['PATH']}", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        ["/bin/sh", "-euc", moved], cwd=root / "context", env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _make_read_only(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


@pytest.mark.long
def test_the_onnx_image_is_small_and_holds_no_torch(image: Path) -> None:
    packages = image / "opt" / "marserve"
    assert _size(packages) < LIMIT
    assert not list(packages.rglob("site-packages/torch"))


@pytest.mark.long
def test_the_onnx_image_serves_without_privileges_from_a_read_only_tree(image: Path, archive: MakeArchive) -> None:
    path = archive("hello", "def handle(data, context):\n    return data and ['hello'] * len(data)\n")
    home, temporary = _home(image, path), image / "tmp"
    temporary.mkdir()
    environ = {"PATH": f"{image}/opt/marserve/bin:/usr/bin:/bin", "TMPDIR": str(temporary)}
    environ["MARSERVE_PROPERTIES"] = str(image / "share")
    check = [str(image / "opt/marserve/bin/python"), str(image / "context" / "deploy" / "healthcheck.py")]
    with Server([*_unprivileged(), str(image / "context" / "deploy" / "entrypoint.sh")], home, environ) as server:
        server.until_listening()
        assert urlopen(Request(f"{server.url}/predictions/hello", data=b"{}")).read() == b"hello"
        checking = environ | {"PORT": str(server.port)}
        assert subprocess.run(check, env=checking, check=False).returncode == 0
        assert server.stop(signal.SIGTERM) == 0
        assert subprocess.run(check, env=checking, check=False, capture_output=True).returncode == 1
    # The keys, for want of a token and of a home that can be written; what was unpacked is gone.
    assert [path.name for path in temporary.rglob("*") if path.is_file()] == ["key_file.json"]


def _home(image: Path, archive: Path) -> Path:
    """The image's home with one archive in its store, and not writable either."""
    home = image / "home"
    (home / "model-store").mkdir(parents=True)
    shutil.copy(archive, home / "model-store")
    (image / "share").mkdir()
    for name in ("serve.properties", "torchserve.properties"):
        settings = (image / "context" / "deploy" / name).read_text()
        (image / "share" / name).write_text(settings.replace("/home/model-server", str(home)))
    _make_read_only(home)
    return home


def _unprivileged() -> list[str]:
    """Begins a command that respects permissions: root without any capability is an ordinary owner of files."""
    return ["setpriv", "--bounding-set", "-all"] if os.getuid() == 0 else []
