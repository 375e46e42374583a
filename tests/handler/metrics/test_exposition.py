"""The text of /metrics and of the metrics logs, and the declarations behind it."""

import re

import pytest

from handler.metrics.exposition import Exposition, ignore
from handler.metrics.families import Family

COUNTER = Family("Seen", "counter", "Count", ("Level", "Hostname"))
GAUGE = Family("Time", "gauge", "ms", ("Hostname",))
HISTOGRAM = Family("Spread", "histogram", "ms", ("Hostname",))


def exposition(*families: Family) -> Exposition:
    """An exposition that shows these families."""
    made = Exposition()
    for family in families:
        made.declare(family)
    return made


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
