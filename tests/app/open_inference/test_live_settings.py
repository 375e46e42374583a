"""Settings that clients change while the server runs."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.open_inference.live_settings import LiveSettings, apply_log_settings
from app.settings.triton import LogSettings
from handler.tensors.errors import Code, TensorError


@pytest.fixture
def settings() -> Iterator[LiveSettings]:
    """Those of a server; the level of the log is put back afterwards."""
    yield LiveSettings(None)
    apply_log_settings(LogSettings())


def test_log_settings_are_changed_and_unknown_ones_passed_over(settings: LiveSettings) -> None:
    settings.change_log({"log_info": False, "log_verbose_level": 1, "none": 3})
    assert (settings.log["log_info"], settings.log["log_verbose_level"], settings.log["log_error"]) == (False, 1, True)


@pytest.mark.parametrize(("changes", "code"), [
    ({"log_info": 1}, Code.INTERNAL), ({"log_verbose_level": -1}, Code.INTERNAL),
    ({"log_format": "odd"}, Code.UNAVAILABLE), ({"log_file": "x"}, Code.UNSUPPORTED),
])  # fmt: skip
def test_wrong_log_settings_change_nothing(settings: LiveSettings, changes: dict[str, Any], code: Code) -> None:
    before = settings.log
    with pytest.raises(TensorError) as refused:
        settings.change_log(changes)
    assert (refused.value.code, settings.log) == (code, before)


def test_trace_settings_of_a_model_are_its_own_until_taken_back(settings: LiveSettings) -> None:
    settings.change_trace("m", {"trace_rate": "5"})
    settings.change_trace(None, {"trace_rate": "7", "trace_count": "3"})
    assert (settings.trace("m")["trace_rate"], settings.trace("m")["trace_count"]) == ("5", "3")
    settings.change_trace("m", {"trace_rate": None})
    assert settings.trace("m")["trace_rate"] == "7"
    settings.change_trace(None, {"trace_rate": None})
    assert settings.trace(None)["trace_rate"] == "1000"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trace_rate": "x"}, "Unable to parse 'trace_rate', got: x"),
        ({"trace_count": 3}, "attempt to access JSON non-string as string"),
        ({"trace_count": "-2"}, "Unable to parse 'trace_count'. Expecting value >= -1, got:-2"),
        ({"trace_count": "2147483648"}, "value is out of range [ -1, 2147483647 ]"),
        ({"log_frequency": "-9999999999"}, "value is out of range [ 0, 4294967295 ]"),
        ({"trace_level": ["TENSORS"]}, "trace file name is not given"),
        ({"trace_level": "OFF"}, "attempt to access JSON non-array as array"),
        ({"trace_level": ["OFF", "TENSORS"]}, "Expect only one trace level 'OFF' is specified"),
        ({"trace_file": "f"}, "can not be updated through network protocol"),
    ],
)
def test_wrong_trace_settings_are_refused(settings: LiveSettings, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(TensorError, match=re.escape(words)):
        settings.change_trace(None, changes)
    assert settings.trace(None)["trace_rate"] == "1000"


@pytest.mark.parametrize(("given", "seen"), [(" 5x", "5"), ("1.5", "1"), ("-1", "4294967295"), ("+5", "5")])
def test_numbers_are_read_as_c_reads_them(settings: LiveSettings, given: str, seen: str) -> None:
    settings.change_trace(None, {"trace_rate": given})
    assert settings.trace(None)["trace_rate"] == seen
