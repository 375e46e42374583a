"""`marserve check`: an archive is loaded without a server, and answers requests."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from app.commands.check.command import main
from tests.conftest import MakeArchive

ADDS = """
    class Adds:
        def initialize(self, context):
            print("loading from", context.system_properties["model_dir"] != "")
        def handle(self, data, context):
            return [{"sum": sum(row["body"]["numbers"])} for row in data]
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without configuration, and a folder for temporary files."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "temporary"


@pytest.fixture
def numbers(tmp_path: Path) -> str:
    (tmp_path / "numbers.json").write_text('{"numbers": [1, 2]}')
    return str(tmp_path / "numbers.json")


def report(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    """Exit status and the report for machines."""
    status = main([*words, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_the_report_of_an_archive_that_works_has_an_order(
    archive: MakeArchive, numbers: str, temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive("adds", ADDS, config="batchSize: 8\nmaxBatchDelay: 5000\n")
    assert main([str(path), "--request", numbers, "--repeat", "2"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown] == [
        "model", "handler", "manifest", "files", "config", "device", "|", "|", "loaded", "OK", "memory",
    ]  # fmt: skip
    assert shown[:2] == ["model        adds 1.0", "handler      handler.py: class Adds"]
    assert "batchSize 8, maxBatchDelay 5000 ms" in shown[4]
    assert shown[6] == "  | loading from True"
    assert f"{numbers}: 200, 14 B, at first " in shown[9]
    assert shown[9].endswith(': { "sum": 3 }')
    assert list(temporary.glob("models/*")) == []


def test_a_lone_request_does_not_wait_for_others(
    archive: MakeArchive, numbers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive("adds", ADDS, config="batchSize: 8\nmaxBatchDelay: 30000\n")
    status, shown = report(capsys, str(path), "--request", numbers)
    assert status == 0
    assert shown["smoke_test"]["requests"][0]["first"] < 30
    assert shown["inspection"]["config"]["maxBatchDelay"] == 30000


def test_a_failing_request_shows_its_traceback_once(
    archive: MakeArchive, numbers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong.json").write_text('{"letters": 1}')
    assert main([str(archive("adds", ADDS)), "--request", numbers, str(tmp_path / "wrong.json")]) == 1
    shown = capsys.readouterr().out
    assert shown.count("KeyError: 'numbers'") == 1
    assert f"FAILED       {tmp_path}/wrong.json: 503 Prediction failed, in " in shown
    assert f"OK           {numbers}: 200" in shown


def test_an_invalid_answer_is_shown_with_its_cause(
    archive: MakeArchive, numbers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive("single", "def handle(data, context):\n    return data and {'sum': 3}\n")
    assert main([str(path), "--request", numbers]) == 1
    shown = capsys.readouterr().out
    assert "  | handle must return a list of answers, one for each row; it returned a dict.\n" in shown
    assert f"FAILED       {numbers}: 503 Invalid model predict output" in shown


def test_a_handler_that_exits_is_reported(
    archive: MakeArchive, numbers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive("dies", "import sys\ndef handle(data, context):\n    if data: sys.exit(3)\n")
    assert main([str(path), "--request", numbers]) == 1
    shown = capsys.readouterr().out
    assert "warning      handler.py:3 exits:\n             it ends its worker only" in shown
    assert "  | The worker has ended: its handler exited with status 3.\n" in shown
    assert f"FAILED       {numbers}: 500 Worker died." in shown


def test_a_failed_load_shows_the_handlers_own_traceback_once(
    archive: MakeArchive, temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive("broken", "import part\n", {"part.py": "def load():\n    raise LookupError('no weights')\nload()\n"})
    assert main([str(path)]) == 1
    shown = capsys.readouterr().out
    assert shown.count("Traceback") == 1
    frames = [line.split('"')[1].rpartition("/")[2] for line in shown.splitlines() if line.startswith("  File ")]
    assert frames[0] == "handler.py"
    assert frames[-2:] == ["part.py", "part.py"]
    assert shown.endswith("FAILED       it does not load: LookupError: no weights\n")
    assert list(temporary.glob("models/*")) == []


def test_a_missing_module_comes_with_the_remedies(archive: MakeArchive, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(archive("lacks", "import is_not_here\n"))]) == 1
    shown = capsys.readouterr().out
    assert "FAILED       it does not load: ModuleNotFoundError: No module named 'is_not_here'\n" in shown
    assert "Remedy: if is_not_here is yours, archive it with --extra-files" in shown


def test_an_archive_that_does_not_open_is_reported(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store / "bad.tar.gz").write_bytes(b"no archive")
    status, shown = report(capsys, str(store / "bad.tar.gz"))
    assert status == 1
    assert shown["error"].startswith("Failed to save model: bad.tar.gz (")
    assert shown["inspection"] is None


def test_a_folder_without_a_manifest_is_checked_with_a_handler_that_is_named(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (store / "mine").mkdir()
    (store / "mine" / "steps.py").write_text("def run(data, context):\n    return [str(data)]\n")
    status, shown = report(capsys, str(store / "mine"), "--handler", "steps.py:run")
    assert status == 0
    assert (shown["inspection"]["model"], shown["inspection"]["entry_point"]) == ("mine", "function run")
    assert (store / "mine" / "steps.py").exists()


def test_machines_get_everything_in_one_object(
    archive: MakeArchive, numbers: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARSERVE_TEST_OF_CHECK", "0")
    source = ADDS + "    import os\n    os.environ['MARSERVE_TEST_OF_CHECK'] = '1'\n"
    status, shown = report(capsys, str(archive("adds", source)), "--request", numbers)
    assert (status, shown["ok"]) == (0, True)
    assert shown["output"][0] == "loading from True"
    assert shown["smoke_test"]["load_seconds"] > 0
    assert shown["smoke_test"]["requests"][0]["warm"] > 0
    assert shown["inspection"]["lint_findings"][0]["rule"]["remedy"] == "set them where the server is started"
    (note,) = shown["notes"]
    assert note.startswith("W-9000-adds_1.0: its load changed MARSERVE_TEST_OF_CHECK for itself; ")


def test_pieces_of_a_stream_are_joined(archive: MakeArchive, numbers: str, capsys: pytest.CaptureFixture[str]) -> None:
    source = """
        from ts.handler_utils.utils import send_intermediate_predict_response
        def handle(data, context):
            if data:
                send_intermediate_predict_response(["one "], context.request_ids, "more", 200, context)
                return ["two"]
    """
    _, shown = report(capsys, str(archive("streams", source)), "--request", numbers)
    assert shown["smoke_test"]["requests"][0]["start"] == "one two"


def test_the_servers_configuration_counts(
    archive: MakeArchive, tmp_path: Path, numbers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.properties").write_text("decode_input_request=false\n")
    path = archive("shows", "def handle(data, context):\n    return data and [type(data[0]['body']).__name__]\n")
    _, shown = report(capsys, str(path), "--request", numbers, "--ts-config", str(tmp_path / "c.properties"))
    assert shown["smoke_test"]["requests"][0]["start"] == "bytearray"
    assert main([str(path), "--ts-config", "nowhere.properties"]) == 2
    assert capsys.readouterr().err == "marserve check: --ts-config file not found: nowhere.properties\n"


def test_a_handlers_file_is_checked_where_it_lies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "steps.py").write_text("def handle(data, context): ...\n")
    assert main([str(tmp_path / "mine" / "steps.py")]) == 0
    assert capsys.readouterr().out.startswith("model        steps 1.0\nhandler      steps.py: function handle\n")


def test_a_folder_without_a_handler_gets_the_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").mkdir()
    assert main([str(tmp_path / "mine")]) == 2
    assert capsys.readouterr().err.endswith("no file looks like a handler; call the handler's file handler.py\n")


@pytest.mark.parametrize("words", [["nowhere.mar"], [".", "--handler", "x", "--request", "nowhere.json"]])
def test_files_that_are_not_there_end_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(f"marserve check: {words[-1]}")


def test_requirements_that_are_not_installed_are_a_problem(
    archive: MakeArchive, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "def handle(data, context):\n    return data\n"
    path = archive("needs", source, {"r.txt": "no-such-thing==1.0\n"}, requirementsFile="r.txt")
    _, shown = report(capsys, str(path))
    assert shown["inspection"]["problems"] == [
        "the server installs what requirements.txt names only with install_py_dep_per_model=true"
    ]


def test_requirements_that_cannot_be_installed_are_reported(
    archive: MakeArchive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.properties").write_text("install_py_dep_per_model=true\n")
    path = archive("needs", "handle = None\n", {"r.txt": "./nowhere.whl\n"}, requirementsFile="r.txt")
    assert main([str(path), "--ts-config", str(tmp_path / "c.properties")]) == 1
    assert "FAILED       Custom pip package installation failed for model needs" in capsys.readouterr().out


def test_the_help_of_a_command_loads_nothing_heavy() -> None:
    heavy = {"torch", "numpy", "onnxruntime", "pydantic", "starlette", "uvicorn"}
    code = "import sys; from app.cli import main\n"
    code += "try: main([{!r}, '--help'])\nfinally: print(*sys.modules, file=sys.stderr)"
    for command in ("check", "compare", "compat"):
        done = subprocess.run([sys.executable, "-c", code.format(command)], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(f"usage: marserve {command}")
        assert heavy & set(done.stderr.split()) == set(), command


def test_an_archive_with_a_process_of_its_own_gets_no_warnings_about_threads(
    archive: MakeArchive, numbers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive("apart", ADDS + "    import os, random\n    random.seed(1)\n", config="isolation: process\n")
    status, shown = report(capsys, str(path), "--request", numbers)
    assert status == 0
    assert shown["inspection"]["config"]["isolation"] == "process"
    assert shown["inspection"]["lint_findings"] == []
    if sys.platform == "linux":
        assert shown["smoke_test"]["load_memory"] > 5 << 20  # the child's
