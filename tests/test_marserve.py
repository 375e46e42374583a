"""Other packages called `app`, `handler` or `model_registry` neither stop the commands nor are taken for marserve's."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

import marserve
from handler.isolation.calling_archive import SERVER
from tests.conftest import MakeArchive
from tests.support.one_worker import write

SECONDS = 60.0
NAMES = ("app", "handler", "model_registry")
STRANGERS = {f"{name}/__init__.py": f"raise SystemExit('{name} of another owner was imported')" for name in NAMES}
NAMESPACE = marserve.SERVER_NAME.encode()
TORCHSERVE = [sys.executable, "-c", "import marserve, sys; sys.exit(marserve.torchserve())"]
COMMANDS = {
    "marserve": [sys.executable, "-c", "import marserve, sys; sys.exit(marserve.main())", "--version"],
    "torchserve": [*TORCHSERVE, "--version"],
    "archiver": [sys.executable, "-c", "import marserve, sys; sys.exit(marserve.torch_model_archiver())", "--help"],
    "module": [sys.executable, "-m", "marserve", "--version"],
    "file": [sys.executable, marserve.__file__, "--version"],
    "another command": [sys.executable, "-m", "marserve", "compat", "--help"],
}
IMPORT = "from uvicorn.importer import import_from_string as get; print(type(get({!r})).__name__)"
HANDLER = """
def handle(data, context):
    import app
    return data and [app.NAME] * len(data)
"""


@pytest.fixture
def strangers(tmp_path: Path) -> Path:
    """A folder with packages of all three names, which end the process that imports them."""
    return write(tmp_path / "strangers", STRANGERS)


def run(command: list[str], cwd: Path, **environ: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environ, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_starts_beside_packages_of_its_names(command: str, strangers: Path, tmp_path: Path) -> None:
    """A program of `-c` or `-m` has the working directory in front of everything else, and then PYTHONPATH."""
    assert run(COMMANDS[command], strangers)
    assert run(COMMANDS[command], tmp_path, PYTHONPATH=str(strangers))


@pytest.mark.parametrize("target", ["app:main", "marserve:app"])
def test_uvicorn_finds_the_application_beside_a_handler_of_an_archive(target: str, tmp_path: Path) -> None:
    write(tmp_path, {f"{name}.py": "raise SystemExit" for name in ("handler", "model_registry")})
    assert run([sys.executable, "-c", IMPORT.format(target)], tmp_path) == "Starlette\n"


def test_uvicorn_finds_the_application_beside_another_app_by_the_name_marserve(strangers: Path) -> None:
    assert run([sys.executable, "-c", IMPORT.format("marserve:app")], strangers) == "Starlette\n"


def test_archives_get_their_own_app_or_the_teams(store: Path, archive: MakeArchive, tmp_path: Path) -> None:
    """On threads and in processes, with the server started in the background as a team does it."""
    write(tmp_path / "backend", {"app/__init__.py": "from app.names import NAME", "app/names.py": "NAME = 'team'"})
    archive("own", HANDLER, {"app.py": "NAME = 'own'"})
    archive("teams", HANDLER)
    archive("process", HANDLER, config="isolation: process\nminWorkers: 1\nmaxWorkers: 1\n")
    with torchserve(tmp_path, PYTHONPATH="backend") as client:
        answers = {name: client.post(f"/predictions/{name}").text for name in ("own", "teams", "process")}
    assert answers == {"own": "own", "teams": "team", "process": "team"}


@contextmanager
def torchserve(folder: Path, **environ: str) -> Iterator[httpx2.Client]:
    """A client of the server that `torchserve --start` leaves behind, with every archive of the store."""
    names = ("inference", "management", "metrics")
    lines = [f"{name}_address=unix:{folder}/{name}.sock" for name in names]
    lines += ["grpc_inference_port=0", "grpc_management_port=0", "default_workers_per_model=1"]
    write(folder, {"config.properties": "\n".join(lines)})
    environ |= {"TMPDIR": str(folder)}
    start = [*TORCHSERVE, "--start", "--ncs", "--dt", "--model-store", "store", "--models", "all"]
    with subprocess.Popen(start, cwd=folder, env=os.environ | environ, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        assert "Model server started.\n" in starter.stdout, starter.wait(SECONDS)
        try:
            transport = httpx2.HTTPTransport(uds=f"{folder}/inference.sock")
            with httpx2.Client(transport=transport, base_url="http://server", timeout=SECONDS) as client:
                yield client
        finally:
            run([*TORCHSERVE, "--stop"], folder, **environ)


@pytest.mark.skipif(sys.platform != "linux", reason="the arguments of processes are files on Linux alone")
def test_the_server_is_found_by_the_argument_that_names_torchserves(store: Path, tmp_path: Path) -> None:
    with torchserve(tmp_path):
        pid = (tmp_path / ".model_server.pid").read_text().split()[0]
        assert NAMESPACE in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


@pytest.mark.skipif(sys.platform != "linux", reason="the arguments of processes are files on Linux alone")
def test_so_it_is_in_the_foreground(store: Path, tmp_path: Path) -> None:
    address = f"inference_address=unix:{tmp_path}/a.sock\nmanagement_address=unix:{tmp_path}/b.sock\n"
    write(tmp_path, {"config.properties": f"{address}metrics_address=unix:{tmp_path}/c.sock\n"})
    start = [*TORCHSERVE, "--start", "--foreground", "--ncs", "--dt", "--model-store", "store"]
    environ = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(start, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert "Model server started.\n" in server.stdout, server.wait(SECONDS)
        assert NAMESPACE in Path(f"/proc/{server.pid}/cmdline").read_bytes().split(b"\0")
        server.terminate()
        server.stdout.read()
        assert server.wait(SECONDS) == 0


def test_the_names_are_those_that_are_hidden_from_archives() -> None:
    assert marserve.PACKAGES == SERVER == set(NAMES)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = marserve.nothing
