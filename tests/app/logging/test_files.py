"""Where log lines go."""

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import pytest

from app.logging import handlers
from app.logging.files import Logs, configure
from app.settings.model import Settings
from handler.log_record import pack_record

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{3}"
Open = Callable[..., Logs]


@pytest.fixture
def console() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def open_logs(tmp_path: Path, console: io.StringIO) -> Iterator[Open]:
    """Opens logs with their files in `logs` and `numbers`, and closes them after the test."""
    opened: list[Logs] = []

    def open_with(**settings: object) -> Logs:
        folders = {"log_location": tmp_path / "logs", "metrics_location": tmp_path / "numbers"}
        opened.append(configure(Settings(**{**folders, **settings}), console))  # type: ignore[arg-type]
        return opened[-1]

    yield open_with
    for each in opened:
        each.close()


def without_times(text: str) -> list[str]:
    return [re.sub(f"^{TIME}", "TIME", line) for line in text.splitlines()]


def test_the_files_are_there_from_the_start(tmp_path: Path, open_logs: Open) -> None:
    open_logs()
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.log")) == [
        "logs/access_log.log",
        "logs/model_log.log",
        "logs/ts_log.log",
        "numbers/model_metrics.log",
        "numbers/ts_metrics.log",
    ]


def test_what_the_server_says_goes_to_ts_log_and_the_console(
    tmp_path: Path, open_logs: Open, console: io.StringIO
) -> None:
    open_logs()
    manager = {"ts_logger": "org.pytorch.serve.wlm.ModelManager"}
    logging.getLogger("marserve.registry").info("Model %s loaded.", "echo", extra=manager)
    expected = ["TIME [INFO ] main org.pytorch.serve.wlm.ModelManager - Model echo loaded."]
    assert without_times(console.getvalue()) == expected
    assert without_times((tmp_path / "logs/ts_log.log").read_text()) == expected


def test_what_models_print_goes_to_model_log_and_the_console(
    tmp_path: Path, open_logs: Open, console: io.StringIO
) -> None:
    opened = open_logs()
    opened.model_line("W-9000-ver_1.0", "stdout", "Torch worker started.")
    opened.model_line("W-9000-ver_1.0", "stderr", "100% %s")
    expected = [
        "TIME [INFO ] W-9000-ver_1.0-stdout MODEL_LOG - Torch worker started.",
        "TIME [WARN ] W-9000-ver_1.0-stderr MODEL_LOG - 100% %s",
    ]
    assert without_times((tmp_path / "logs/model_log.log").read_text()) == expected
    assert without_times(console.getvalue()) == expected


def test_metrics_go_to_their_files_without_level_and_to_the_console_with_it(
    tmp_path: Path, open_logs: Open, console: io.StringIO
) -> None:
    opened = open_logs()
    opened.metric_lines("ts", ["Requests2XX.Count:1.0|#Level:Host"])
    opened.metric_lines("model", ["PredictionTime.ms:0.01|#ModelName:echo"])
    assert without_times((tmp_path / "numbers/ts_metrics.log").read_text()) == [
        "TIME - Requests2XX.Count:1.0|#Level:Host"
    ]
    assert without_times((tmp_path / "numbers/model_metrics.log").read_text()) == [
        "TIME - PredictionTime.ms:0.01|#ModelName:echo"
    ]
    assert without_times(console.getvalue()) == [
        "TIME [INFO ] main TS_METRICS - Requests2XX.Count:1.0|#Level:Host",
        "TIME [INFO ] main MODEL_METRICS - PredictionTime.ms:0.01|#ModelName:echo",
    ]


def test_requests_go_to_the_access_log_and_the_console(tmp_path: Path, open_logs: Open, console: io.StringIO) -> None:
    opened = open_logs()
    opened.access.write(("127.0.0.1", 1), "GET", b"/ping", "1.1", 200, perf_counter())
    opened.access.flush()
    request = r'/127\.0\.0\.1:1 "GET /ping HTTP/1\.1" 200 \d+'
    (line,) = without_times((tmp_path / "logs/access_log.log").read_text())
    assert re.fullmatch(f"TIME - {request}", line)
    (line,) = without_times(console.getvalue())
    assert re.fullmatch(rf"TIME \[INFO \] main ACCESS_LOG - {request}", line)


def test_requests_stand_before_what_was_written_after_their_answers(open_logs: Open, console: io.StringIO) -> None:
    opened = open_logs()
    for number in range(3):
        opened.access.write(("127.0.0.1", 1), "GET", b"/%d" % number, "1.1", 200, perf_counter())
        opened.model_line("W-9000-ver_1.0", "stdout", f"line {number}")
        logging.getLogger("marserve.registry").info("record %d", number)
    lines = console.getvalue().splitlines()
    assert lines == sorted(lines, key=lambda line: line[:23])
    found = [re.findall(r"(/|line |record )(\d)(?: HTTP.*|$)", line)[0] for line in lines]
    assert found == [(kind, str(number)) for number in range(3) for kind in ("/", "line ", "record ")]


def test_json_is_for_all_but_the_metrics(tmp_path: Path, open_logs: Open, console: io.StringIO) -> None:
    opened = open_logs(log_format="json")
    logging.getLogger("marserve.registry").info("Model loaded.")
    opened.model_line("W-9000-ver_1.0", "stderr", "a line")
    opened.access.write(("127.0.0.1", 1), "GET", b"/ping", "1.1", 200, perf_counter())
    opened.close()
    entries = [json.loads(line) for line in console.getvalue().splitlines()]
    assert [entry["logger"] for entry in entries] == ["marserve.registry", "MODEL_LOG", "ACCESS_LOG"]
    of_model = json.loads((tmp_path / "logs/model_log.log").read_text())
    assert (of_model["model"], of_model["version"], of_model["level"]) == ("ver", "1.0", "WARN")
    assert json.loads((tmp_path / "logs/access_log.log").read_text())["target"] == "/ping"


def test_a_record_of_several_lines_is_one_object_or_a_line_each(open_logs: Open, console: io.StringIO) -> None:
    packed = pack_record(["Failed.", "ValueError: no"], {"request_id": "1", "trace_id": "2"})
    opened = open_logs(log_format="json")
    opened.model_line("W-9000-ver_1.0", "stdout", packed)
    opened.write_console("Model server started.")
    opened.close()
    failure, started = (json.loads(line) for line in console.getvalue().splitlines())
    assert (failure["message"], failure["severity"]) == ("Failed.\nValueError: no", "ERROR")
    assert (failure["request_id"], failure["trace_id"], failure["model"]) == ("1", "2", "ver")
    assert started["message"] == "Model server started."
    console.truncate(console.seek(0))
    open_logs().model_line("W-9000-ver_1.0", "stdout", packed)
    assert [line.partition(" - ")[2] for line in console.getvalue().splitlines()] == ["Failed.", "ValueError: no"]


def test_levels_leave_lines_out(open_logs: Open, console: io.StringIO) -> None:
    opened = open_logs(log_levels="marserve.registry=error, MODEL_LOG=warning, ACCESS_LOG=off")
    logging.getLogger("marserve.registry").info("left out")
    opened.model_line("W-9000-ver_1.0", "stdout", "left out")
    opened.access.write(None, "GET", b"/ping", "1.1", 200, perf_counter())
    opened.access.flush()
    assert console.getvalue() == ""
    opened.model_line("W-9000-ver_1.0", "stderr", "a line")
    assert "a line" in console.getvalue()


def test_without_places_there_is_only_the_console(tmp_path: Path, open_logs: Open, console: io.StringIO) -> None:
    opened = open_logs(log_location=None, metrics_location=None)
    opened.model_line("W-9000-ver_1.0", "stdout", "a line")
    opened.metric_lines("ts", ["a metric"])
    assert len(console.getvalue().splitlines()) == 2
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_told_and_done_without(
    tmp_path: Path, open_logs: Open, console: io.StringIO
) -> None:
    (tmp_path / "taken").touch()
    opened = open_logs(log_location=tmp_path / "taken", metrics_location=None)
    opened.model_line("W-9000-ver_1.0", "stdout", "a line")
    shown = without_times(console.getvalue())
    assert [line.split(" - ")[1].split(":")[0] for line in shown] == [
        "ts_log.log is not written",
        "model_log.log is not written",
        "access_log.log is not written",
        "a line",
    ]


def test_warnings_about_the_configuration_are_told_at_the_start(open_logs: Open, console: io.StringIO) -> None:
    open_logs(warnings=("the unknown key a% is ignored.",))
    assert without_times(console.getvalue()) == ["TIME [WARN ] main marserve.logs - the unknown key a% is ignored."]


@pytest.mark.parametrize(("debug", "count"), [(False, 0), (True, 1)])
def test_details_are_told_only_on_request(open_logs: Open, console: io.StringIO, debug: bool, count: int) -> None:
    open_logs(debug=debug)
    logging.getLogger("marserve.registry").debug("a detail")
    assert len(console.getvalue().splitlines()) == count


@pytest.mark.parametrize("name", ["logs/model_log", "logs/access_log", "numbers/ts_metrics"])
def test_files_are_rolled_and_the_oldest_dropped(
    tmp_path: Path, open_logs: Open, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(handlers, "MAX_FILE_BYTES", 100)
    monkeypatch.setattr(handlers, "BACKUP_COUNT", 2)
    opened = open_logs()
    for number in range(5):
        line = f"{number}{'x' * 100}"
        opened.model_line("W-9000-ver_1.0", "stdout", line)
        opened.access.write(None, "GET", line.encode(), "1.1", 200, perf_counter())
        opened.access.flush()
        opened.metric_lines("ts", [line])
    files = {path.name: path.read_text() for path in (tmp_path / name).parent.glob(f"{Path(name).name}*")}
    found = {file: re.findall(r"(\d)x", text) for file, text in files.items()}
    assert list(map(len, map(str.splitlines, files.values()))) == [1, 1, 1]
    assert found == {f"{Path(name).name}.log{end}": [number] for end, number in (("", "4"), (".1", "3"), (".2", "2"))}


def test_a_console_that_is_gone_disturbs_nobody(
    tmp_path: Path, open_logs: Open, console: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = open_logs()
    console.close()
    opened.model_line("W-9000-ver_1.0", "stdout", "a line")
    logging.getLogger("marserve.registry").info("another")
    opened.metric_lines("ts", ["a metric"])
    assert capsys.readouterr().err == ""
    assert (tmp_path / "logs/model_log.log").read_text().endswith("a line\n")
    assert (tmp_path / "logs/ts_log.log").read_text().endswith("another\n")


def test_nothing_is_written_after_the_end(tmp_path: Path, open_logs: Open, console: io.StringIO) -> None:
    """A worker that hangs may outlive the logs."""
    opened = open_logs()
    opened.close()
    opened.model_line("W-9000-ver_1.0", "stdout", "late")
    opened.metric_lines("ts", ["late"])
    opened.access.write(None, "GET", b"/late", "1.1", 200, perf_counter())
    opened.access.flush()
    logging.getLogger("marserve.registry").info("late")
    assert console.getvalue() == ""
    assert {path.read_text() for path in tmp_path.rglob("*.log")} == {""}


def test_it_prints_its_state(open_logs: Open) -> None:
    assert repr(open_logs()) == "<Logs 7 outputs, <AccessLog 0 pending>>"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_on_the_console(tmp_path: Path) -> None:
    (tmp_path / "ts_log.log").symlink_to("/dev/full")
    logs = configure(Settings(log_location=tmp_path), console := io.StringIO())
    logging.getLogger("marserve.registry").info("lost")
    logging.getLogger("marserve.registry").info("lost")
    assert logs.lost_lines == 2
    logs.close()
    told = [line for line in console.getvalue().splitlines() if "is not written" in line]
    assert len(told) == 1
    assert "ts_log.log is not written: [Errno 28] No space left on device" in told[0]
