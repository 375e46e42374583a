"""The events between two samples."""

from app.console.event_window import MAX_SAMPLE_LATENCIES, WINDOW_SAMPLES, EventWindow
from handler.metrics.model_metrics import ModelEvents


def events(latencies: list[float], **failures: int) -> ModelEvents:
    return ModelEvents(len(latencies), failures, [len(latencies)], [("default", each, each / 2) for each in latencies])


def test_rates_batches_and_percentiles() -> None:
    window = EventWindow()
    window.add(events([number / 1000 for number in range(1, 101)]))
    window.add(events([], NoWorker=3))
    sample = window.sample(2.0)
    assert (sample["requests"], sample["errors"], sample["failures"]) == (50, 1.5, {"NoWorker": 3})
    assert sample["batches"] == {"0": 1, "100": 1}
    assert sample["latency"] == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert sample["wait"] == {"p50": 25.0, "p95": 47.5, "p99": 49.5}


def test_counts_start_anew_and_latencies_stay_for_some_samples() -> None:
    window = EventWindow()
    window.add(events([0.25]))
    assert window.sample(1.0)["requests"] == 1
    for _ in range(WINDOW_SAMPLES - 1):
        sample = window.sample(1.0)
        assert (sample["requests"], sample["batches"]) == (0, {})
        assert sample["latency"] == {"p50": 250.0, "p95": 250.0, "p99": 250.0}
    assert window.sample(1.0)["latency"] is None


def test_memory_is_bounded() -> None:
    window = EventWindow()
    window.add(events([float(number) for number in range(10 * MAX_SAMPLE_LATENCIES)]))
    sample = window.sample(1.0)
    assert sample["requests"] == 10 * MAX_SAMPLE_LATENCIES
    assert abs(sample["latency"]["p50"] / 1000 - 5 * MAX_SAMPLE_LATENCIES) < 0.01 * MAX_SAMPLE_LATENCIES
    assert sum(len(each) for each in window._latencies) <= MAX_SAMPLE_LATENCIES
