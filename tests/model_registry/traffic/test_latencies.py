"""Quantiles of recent latencies."""

from model_registry.traffic.latencies import RecentLatencies


def test_quantiles_are_told_in_milliseconds() -> None:
    latencies = RecentLatencies()
    assert latencies.describe() is None
    for millisecond in range(1, 102):
        latencies.observe(millisecond / 1000)
    assert latencies.describe() == {"p50": 51.0, "p95": 96.0}


def test_only_recent_answers_count() -> None:
    latencies = RecentLatencies(size=10)
    for seconds in [9.0] * 10 + [1.0] * 10:
        latencies.observe(seconds)
    assert latencies.quantile(1.0) == 1.0
