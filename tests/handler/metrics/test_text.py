"""Java's doubles, samples, and lines of the metrics logs."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.metrics.families import Family
from handler.metrics.text import header, java_double, log_line, sample

COUNTER = Family("Seen", "counter", "Count", ("Level", "Hostname"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.0"),
        (-0.0, "-0.0"),
        (1, "1.0"),
        (0.001, "0.001"),
        (0.0009999, "9.999E-4"),
        (1e-5, "1.0E-5"),
        (123456.789, "123456.789"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (-12345678.9, "-1.23456789E7"),
        (123456789012, "1.23456789012E11"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
    ],
)
def test_numbers_are_written_as_java_writes_doubles(value: float, text: str) -> None:
    """The wanted texts are what Java 17 printed."""
    assert java_double(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_as_java_writes_it_reads_back_as_itself(value: float) -> None:
    assert float(java_double(value)) == value


def test_a_sample_ends_its_labels_with_a_comma_and_escapes_them() -> None:
    text = sample("Seen", {"Kind": 'bl"u\\e\n', "Hostname": "vm"}, 4)
    assert text == 'Seen{Kind="bl\\"u\\\\e\\n",Hostname="vm",} 4.0\n'


def test_a_sample_without_labels_has_no_braces() -> None:
    assert sample("up", {}, 1) == "up 1.0\n"


def test_the_header_escapes_what_would_end_its_line() -> None:
    assert header("A", "gauge", "two\nlines \\") == "# HELP A two\\nlines \\\\\n# TYPE A gauge\n"


def test_a_log_line_of_the_server_is_torchserves() -> None:
    line = log_line(COUNTER, ("Host", "vm"))(1)
    assert re.fullmatch(r"Seen\.Count:1\.0\|#Level:Host\|#hostname:vm,timestamp:\d{10}", line)


def test_a_log_line_of_a_model_names_the_requests_or_null() -> None:
    assert "|#hostname:vm,requestID:a,b,timestamp:" in log_line(COUNTER, ("Host", "vm"), "a,b")(1)
    assert "|#hostname:vm,requestID:null,timestamp:" in log_line(COUNTER, ("Host", "vm"), "")(1)
