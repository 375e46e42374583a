"""The forms of log lines."""

import json
import logging
import sys
import time

import pytest

from app.logging.formatters import (
    JsonFormatter,
    TextFormatter,
    format_metrics_for_file,
    local_timestamp,
    utc_timestamp,
    worker_fields,
)

NOON = 1795262400.9995  # 2026-11-21T12:00:00.9995Z


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let local time be UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def record(**fields: object) -> logging.LogRecord:
    plain = {"name": "marserve.registry", "msg": "Model %s loaded.", "args": ("echo",), "created": NOON}
    named = {"levelname": "INFO", "levelno": logging.INFO, "threadName": "MainThread"}
    return logging.makeLogRecord({**plain, **named, **fields})


def failure() -> logging.LogRecord:
    try:
        raise KeyError("x")
    except KeyError:
        return record(exc_info=sys.exc_info())


def test_times_are_local_with_milliseconds() -> None:
    assert [local_timestamp(NOON), local_timestamp(NOON - 0.95), local_timestamp(NOON + 1)] == [
        "2026-11-21T12:00:00,999",
        "2026-11-21T12:00:00,049",
        "2026-11-21T12:00:01,999",
    ]


def test_times_in_json_are_utc() -> None:
    assert utc_timestamp(NOON) == "2026-11-21T12:00:00.999Z"


def test_text_is_as_torchserve_writes_it() -> None:
    line = TextFormatter().format(record(ts_logger="org.pytorch.serve.wlm.ModelManager"))
    assert line == "2026-11-21T12:00:00,999 [INFO ] main org.pytorch.serve.wlm.ModelManager - Model echo loaded."


def test_text_escapes_what_would_forge_lines() -> None:
    line = TextFormatter().format(record(args=("a\n2026 [INFO ] \x1b[31m\u202e",)))
    assert line.endswith(r"Model a\n2026 [INFO ] \x1b[31m\u202e loaded.")


def test_text_names_our_logger_where_torchserve_has_none() -> None:
    line = TextFormatter().format(record(levelname="WARNING", threadName="W-9000-echo_1.0"))
    assert line == "2026-11-21T12:00:00,999 [WARN ] W-9000-echo_1.0 marserve.registry - Model echo loaded."


def test_text_has_tracebacks_below() -> None:
    first, *rest = TextFormatter().format(failure()).splitlines()
    assert first.endswith("Model echo loaded.")
    assert (rest[0], rest[-1]) == ("Traceback (most recent call last):", "KeyError: 'x'")


def test_json_has_all_that_text_has() -> None:
    assert json.loads(JsonFormatter().format(record())) == {
        "time": "2026-11-21T12:00:00.999Z",
        "severity": "INFO",
        "level": "INFO",
        "logger": "marserve.registry",
        "thread": "main",
        "message": "Model echo loaded.",
    }


def test_json_names_model_version_and_worker_where_they_are_known() -> None:
    entry = json.loads(JsonFormatter().format(record(**worker_fields("W-9000-echo_1.0"))))
    assert (entry["model"], entry["version"], entry["worker"]) == ("echo", "1.0", "W-9000-echo_1.0")


def test_json_keeps_a_traceback_on_its_line() -> None:
    line = JsonFormatter().format(failure())
    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("KeyError: 'x'")


@pytest.mark.parametrize(
    ("label", "model", "version"),
    [("W-9000-echo_1.0", "echo", "1.0"), ("W-1-a-b_c_2", "a-b_c", "2"), ("W-1-echo_", "echo", "")],
)
def test_a_workers_label_tells_model_and_version(label: str, model: str, version: str) -> None:
    assert worker_fields(label) == {"model": model, "version": version, "worker": label}


def test_any_other_label_is_only_a_worker() -> None:
    assert worker_fields("loader") == {"worker": "loader"}


def test_a_metric_is_a_time_and_the_metric() -> None:
    assert format_metrics_for_file(NOON, "TS_METRICS", ["A.Count:1|#x"]) == ["2026-11-21T12:00:00,999 - A.Count:1|#x"]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("größe\t模型", "größe\t模型"),
        ("a\n2026-01-01 FORGED", "a\\n2026-01-01 FORGED"),
        ("\x1b[31m\r\x00", "\\x1b[31m\\r\\x00"),
        ("\x9b \u2028 \u202e \ud800", "\\x9b \\u2028 \\u202e \\ud800"),
    ],
)
def test_what_would_forge_a_line_is_escaped(text: str, escaped: str) -> None:
    assert TextFormatter().format(record(args=(text,))).endswith(f" - Model {escaped} loaded.")
    assert json.loads(JsonFormatter().format(record(args=(text,))))["message"] == f"Model {text} loaded."


def test_lines_of_the_servers_own_stay_lines() -> None:
    assert TextFormatter().format(record(msg="a\nb", args=())).endswith(" - a\nb")
