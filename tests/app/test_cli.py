"""The commands, from their words to their exit status."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from app import cli
from app.commands import torchserve_process

HEAVY = {"torch", "numpy", "onnxruntime", "pydantic", "starlette", "uvicorn", "asyncio", "yaml"}
CALL = """
import sys
from app import cli
try:
    cli.{command}({words})
finally:
    print(*sorted(set(sys.modules) & {heavy}), file=sys.stderr)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a model store, that is also the folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("TS_CONFIG_FILE", raising=False)
    monkeypatch.delenv("TEMP", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").mkdir()
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The output of `torchserve --start --foreground` when it exits with 1."""
    assert cli.torchserve(["--start", "--foreground", *words]) == 1
    return capsys.readouterr().out


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"TMPDIR": str(folder)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=False)


# --- torchserve: as recorded of the original ---


@pytest.mark.parametrize("flag", ["-v", "--version"])
def test_torchserve_tells_the_version_that_it_keeps(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.torchserve([flag]) == 0
    assert capsys.readouterr().out == "TorchServe Version is 0.12.0\n"


def test_stop_without_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.torchserve(["--stop"]) == 0
    assert capsys.readouterr().out == "TorchServe is not currently running.\n"


def test_a_start_needs_a_model_store(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys) == "Missing mandatory parameter --model-store\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--model-store", "nowhere"], "--model-store directory not found: nowhere"),
        (["--model-store", "store", "--workflow-store", "nowhere"], "--workflow-store directory not found: nowhere"),
        (["--model-store", "store", "--ts-config", "no.properties"], "--ts-config file not found: no.properties"),
        (["--model-store", "store", "--log-config", "no.xml"], "--log-config file not found: {folder}/no.xml"),
        (["--model-store", "store", "--cpp-log-config", "no"], "--cpp-log-config file not found: {folder}/no"),
    ],
)
def test_what_is_not_there_is_named(
    words: list[str], expected: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(capsys, *words) == expected.format(folder=folder.resolve()) + "\n"


def test_the_temporary_folder_has_to_be_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEMP", "/nowhere")
    expected = "Invalid temp directory: /nowhere, please check TEMP environment variable.\n"
    assert refused(capsys, "--model-store", "store") == expected


def test_an_invalid_configuration_is_told_before_a_server_is_left_in_the_background(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "config.properties").write_text("job_queue_size=many\n")
    assert cli.torchserve(["--model-store", "store"]) == 1
    expected = "Invalid configuration: job_queue_size=many (config.properties, line 1): expected a whole number\n"
    assert capsys.readouterr().out == expected


def test_a_second_start_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    file = torchserve_process.pid_file()
    file.acquire()
    expected = "TorchServe is already running, please use torchserve --stop to stop TorchServe.\n"
    assert refused(capsys, "--model-store", "store") == expected
    file.release()


@pytest.mark.parametrize("words", [["--start", "--stop"], ["--stop", "--version"], ["--nonsense"]])
def test_what_does_not_go_together_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.torchserve(words)
    assert left.value.code == 2
    assert "torchserve: error: " in capsys.readouterr().err


def test_torchserve_runs_in_the_background_until_it_is_stopped(folder: Path) -> None:
    """The whole way: start returns at once, the server outlives it, a second start is refused, stop ends it."""
    addresses = [f"{api}_address=http://127.0.0.1:0" for api in ("inference", "management", "metrics")]
    ports = [f"grpc_{api}_port=0" for api in ("inference", "management")]
    (folder / "config.properties").write_text("\n".join(addresses + ports))
    environ = os.environ | {"TMPDIR": str(folder)}
    command = [sys.executable, "-c", "import sys; from app import cli; sys.exit(cli.torchserve())"]
    start = [*command, "--start", "--ncs", "--dt", "--model-store", "store"]
    with subprocess.Popen(start, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ, text=True) as starter:
        assert starter.stdout is not None
        assert starter.wait() == 0
        assert "Model server started.\n" in starter.stdout
        second = subprocess.run(start, capture_output=True, text=True, env=environ, check=False)
        assert (second.returncode, second.stdout.split(",")[0]) == (1, "TorchServe is already running")
        stop = subprocess.run([*command, "--stop"], capture_output=True, text=True, env=environ, check=False)
        assert (stop.returncode, stop.stdout) == (0, "TorchServe has stopped.\n")
    assert not (folder / ".model_server.pid").exists()


# --- marserve ---


def test_marserve_without_a_command_helps(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: marserve")
    assert "marserve serve ./my_model" in shown


def test_marserve_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("marserve 0.")


def test_the_help_of_serve_shows_how_to_get_a_prediction(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["serve", "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert "curl -X POST http://127.0.0.1:8080/predictions/" in shown
    assert "MARSERVE_MANAGEMENT_TOKEN" in shown


def test_serve_refuses_a_wrong_configuration(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "--port", "many"]) == 1
    expected = "Invalid configuration: port=many (option --port): expected a port number from 0 to 65535\n"
    assert capsys.readouterr().err == expected


def test_archive_takes_the_archivers_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["archive", "--help"])
    assert left.value.code == 0
    assert "--model-name" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "words"),
    [("main", ["--help"]), ("main", ["--version"]), ("torchserve", ["--version"]), ("torchserve", ["--stop"])],
)
def test_a_command_that_serves_nothing_loads_nothing_heavy(command: str, words: list[str], folder: Path) -> None:
    done = python(CALL.format(command=command, words=words, heavy=HEAVY), folder)
    assert (done.returncode, done.stderr) == (0, "\n")


def test_a_server_loads_neither_engines_nor_what_other_servers_are_made_of(folder: Path) -> None:
    """Each costs a part of the start; a handler that wants one loads it."""
    done = python("import sys, app.initial_models.samples, app.server; print(*sys.modules)", folder)
    assert set(done.stdout.split()) & (HEAVY - {"asyncio", "pydantic", "starlette", "uvicorn", "yaml"}) == set()
    assert "app.server" in done.stdout.split()
