"""The text of /metrics and of the metrics logs, and the declarations behind it."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.metrics.exposition import Exposition, ignore
from handler.metrics.families import Family, read_families
from handler.metrics.server_metrics import UpdateCache
from handler.metrics.text import header, java_double, log_line, sample

COUNTER = Family("Seen", "counter", "Count", ("Level", "Hostname"))
GAUGE = Family("Time", "gauge", "ms", ("Hostname",))
HISTOGRAM = Family("Spread", "histogram", "ms", ("Hostname",))


def exposition(*families: Family) -> Exposition:
    """An exposition that shows these families."""
    made = Exposition()
    for family in families:
        made.declare(family)
    return made


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


def test_a_declared_family_shows_its_header_before_any_sample() -> None:
    assert exposition(COUNTER).render().decode() == (
        "# HELP Seen Torchserve prometheus counter metric with unit: Count\n# TYPE Seen counter\n"
    )


def test_a_counter_keeps_its_name_with_or_without_total() -> None:
    plain, total = COUNTER, Family("seen_total", "counter", "Count", ("Hostname",))
    shown = exposition(plain, total)
    shown.bind(plain, ("Host", "vm"))(2)
    shown.bind(total, ("vm",))(0.5)
    samples = [line for line in shown.render().decode().splitlines() if not line.startswith("#")]
    assert samples == ['Seen{Level="Host",Hostname="vm",} 2.0', 'seen_total{Hostname="vm",} 0.5']


def test_a_gauge_shows_its_last_value() -> None:
    shown = exposition(GAUGE)
    update = shown.bind(GAUGE, ("vm",))
    update(3)
    update(12345678.9)
    assert shown.render(["Time"]).decode().endswith('Time{Hostname="vm",} 1.23456789E7\n')


def test_a_histogram_has_torchserves_buckets_then_count_and_sum() -> None:
    shown = exposition(HISTOGRAM)
    shown.bind(HISTOGRAM, ("vm",))(0.3)
    lines = shown.render().decode().splitlines()[2:]
    bounds = " ".join(re.findall(r'le="([^"]+)",} \d', "\n".join(lines)))
    assert bounds == "0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1.0 2.5 5.0 7.5 10.0 +Inf"
    assert lines[6:8] == ['Spread_bucket{Hostname="vm",le="0.25",} 0.0', 'Spread_bucket{Hostname="vm",le="0.5",} 1.0']
    assert lines[-2:] == ['Spread_count{Hostname="vm",} 1.0', 'Spread_sum{Hostname="vm",} 0.3']


def test_names_choose_samples_and_drop_families_without_any() -> None:
    shown = exposition(COUNTER, GAUGE, HISTOGRAM)
    shown.bind(HISTOGRAM, ("vm",))(0.3)
    assert shown.render(["Spread_sum", "Seen"]).decode().splitlines()[1:] == [
        "# TYPE Spread histogram",
        'Spread_sum{Hostname="vm",} 0.3',
    ]
    assert shown.render(["Spread"]) == b""
    assert shown.render([""]) == b""


def test_what_is_not_declared_so_is_silently_nothing() -> None:
    """Neither a family that is not there, nor one with another number of labels."""
    shown = exposition(COUNTER)
    assert shown.bind(GAUGE, ("vm",)) is ignore
    assert shown.bind(COUNTER, ("vm",)) is ignore
    ignore(1)
    shown.watch(GAUGE, ("vm",), lambda: 1)
    shown.remove(GAUGE, ("vm",))
    assert "{" not in shown.render().decode()


def test_a_watched_gauge_is_read_at_each_scrape() -> None:
    values = iter([1, 5])
    shown = exposition(GAUGE)
    shown.watch(GAUGE, ("vm",), lambda: next(values))
    assert b"} 1.0" in shown.render()
    assert b"} 5.0" in shown.render()


def test_a_forgotten_series_is_gone_and_its_family_stays() -> None:
    shown = exposition(GAUGE)
    shown.bind(GAUGE, ("vm",))(1)
    shown.remove(GAUGE, ("vm",))
    shown.remove(GAUGE, ("never",))
    assert shown.render() == exposition(GAUGE).render()


def test_a_family_cannot_be_declared_twice() -> None:
    shown = exposition(COUNTER)
    with pytest.raises(ValueError, match="Seen is declared twice"):
        shown.declare(COUNTER)
    assert repr(shown) == "<Exposition 1 families>"


def test_a_bound_update_is_made_once_at_its_first_use() -> None:
    made: list[str] = []
    updates = UpdateCache[str](lambda key: made.append(key) or ignore)
    assert made == []
    assert updates["a"] is updates["a"]
    assert made == ["a"]


def test_without_a_file_torchserves_families_exist() -> None:
    families = read_families()
    assert len(families.server) == 19
    assert list(families.model) == ["HandlerTime", "PredictionTime"]
    assert families.server["WorkerLoadTime"].labels == ("WorkerName", "Level", "Hostname")


def test_a_file_declares_other_families_and_the_host_is_appended_for_models(tmp_path: Path) -> None:
    file = tmp_path / "metrics.yaml"
    file.write_text(
        "dimensions: [&l Level]\n"
        "ts_metrics:\n  histogram:\n    - {name: QueueTime, unit: ms, dimensions: [*l, Hostname]}\n"
        "model_metrics:\n  counter:\n    - {name: Cats, unit: Count, dimensions: [Kind, *l]}\n"
        "    - {name: Dogs, unit: Count, dimensions: [*l, Hostname]}\n  gauge:\n"
    )
    assert list(read_families(file)) == [
        Family("QueueTime", "histogram", "ms", ("Level", "Hostname")),
        Family("Cats", "counter", "Count", ("Kind", "Level", "Hostname")),
        Family("Dogs", "counter", "Count", ("Level", "Hostname")),
    ]


def test_an_empty_file_declares_nothing(tmp_path: Path) -> None:
    file = tmp_path / "metrics.yaml"
    file.touch()
    assert list(read_families(file)) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- a list", "AttributeError"),
        ("ts_metrics: {summary: [{name: A, unit: ms, dimensions: []}]}", "summary is none of"),
        ("ts_metrics: {gauge: [{name: A, dimensions: []}]}", "unit"),
        ("ts_metrics: {gauge: [{name: a-b, unit: ms, dimensions: []}]}", "not names that Prometheus accepts"),
        ("ts_metrics: {gauge: [{name: A, unit: ms, dimensions: [x, x]}]}", "not names that Prometheus accepts"),
        ("ts_metrics: {gauge: [{name: A, unit: ms, dimensions: [__x]}]}", "not names that Prometheus accepts"),
        ("ts_metrics: {gauge: [{name: A, unit: ms, dimensions: 3}]}", "TypeError"),
        ("ts_metrics: {unclosed", "ParserError"),
        (
            "{ts_metrics: {gauge: [&a {name: A, unit: ms, dimensions: []}]}, model_metrics: {gauge: [*a]}}",
            "declared twice: A",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=f"metrics_config .*own.yaml: .*{reason}"):
        read_families(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.yaml"):
        read_families(tmp_path / "nowhere.yaml")
