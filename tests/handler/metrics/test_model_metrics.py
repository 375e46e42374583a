"""The metrics of one model version."""

import pytest

from handler.metrics.exposition import ignore
from handler.metrics.model_metrics import UpdateCache
from handler.metrics.server_metrics import MAX_PENDING, Metrics
from tests.support.metric_samples import samples


@pytest.fixture
def metrics() -> Metrics:
    """Metrics as with metrics_mode=prometheus and nothing of ours."""
    return Metrics(extra=False, hostname="vm")


def test_a_models_requests_are_counted_by_the_version_that_the_path_named(metrics: Metrics) -> None:
    model = metrics.add_version("ver", "1.0")
    model.record_request("default")
    model.record_request("1.0")
    model.record_request("1.0")
    labels = 'model_name="ver",model_version="{}",hostname="vm",'
    assert samples(metrics) == {
        f"ts_inference_requests_total{{{labels.format('default')}}}": 1,
        f"ts_inference_requests_total{{{labels.format('1.0')}}}": 2,
    }


def test_many_answers_are_counted_by_their_labels_however_they_come(metrics: Metrics) -> None:
    model, times = metrics.add_version("ver", "1.0"), [("default", 1.0, 0.25), ("1.0", 2.0, 0.5)]
    for _ in range(2 * MAX_PENDING):
        model.record_predictions(times)
    model.record_predictions([])
    shown = samples(metrics)
    for label, latency, queue in times:
        series = f'_microseconds{{model_name="ver",model_version="{label}",hostname="vm",}}'
        assert shown[f"ts_inference_latency{series}"] == 2 * MAX_PENDING * latency * 1e6
        assert shown[f"ts_queue_latency{series}"] == 2 * MAX_PENDING * queue * 1e6
    assert shown['QueueTime{Level="Host",Hostname="vm",}'] == 500


def test_an_answer_adds_its_latencies_and_sets_the_queue_time_in_whole_milliseconds(metrics: Metrics) -> None:
    model = metrics.add_version("ver", "1.0")
    model.record_predictions([("default", 0.0025005, 0.001999), ("default", 0.0005, 0.002999)])
    labels = '{model_name="ver",model_version="default",hostname="vm",}'
    assert samples(metrics) == {
        f"ts_inference_latency_microseconds{labels}": 3000.5,
        f"ts_queue_latency_microseconds{labels}": 4998.0,
        'QueueTime{Level="Host",Hostname="vm",}': 2,
    }


def test_workers_show_their_last_batch_and_each_its_load(metrics: Metrics) -> None:
    model = metrics.add_version("ver", "1.0")
    model.record_load("W-9000-ver_1.0", 1781.9)
    model.record_load("W-9001-ver_1.0", 20)
    model.record_batch(1, 7.2)
    assert samples(metrics) == {
        'WorkerLoadTime{WorkerName="W-9000-ver_1.0",Level="Host",Hostname="vm",}': 1781,
        'WorkerLoadTime{WorkerName="W-9001-ver_1.0",Level="Host",Hostname="vm",}': 20,
        'WorkerThreadTime{Level="Host",Hostname="vm",}': 7,
    }


def test_a_bound_update_is_made_once_at_its_first_use() -> None:
    made: list[str] = []
    updates = UpdateCache[str](lambda key: made.append(key) or ignore)
    assert made == []
    assert updates["a"] is updates["a"]
    assert made == ["a"]
