"""marserve's own series of a model version."""

from handler.metrics.model_metrics import ModelMetrics
from handler.metrics.server_metrics import Metrics
from tests.support.metric_samples import samples


def test_marserve_series_measure_seconds_batches_and_failures() -> None:
    metrics = Metrics(hostname="vm")
    model = metrics.add_version("ver", "1.0")
    model.record_predictions([("default", 2.5, 0.5)])
    model.record_batch(3, 1)
    model.record_failure("timeout")
    model.record_failure("timeout")
    labels = 'model_name="ver",model_version="1.0",'
    shown = samples(metrics)
    assert shown[f"marserve_request_duration_seconds_sum{{{labels}}}"] == 2.5
    assert shown[f"marserve_queue_duration_seconds_sum{{{labels}}}"] == 0.5
    assert shown[f'marserve_queue_duration_seconds_bucket{{{labels}le="0.5",}}'] == 1
    assert shown[f'marserve_batch_size_bucket{{{labels}le="2.0",}}'] == 0
    assert shown[f'marserve_batch_size_bucket{{{labels}le="4.0",}}'] == 1
    assert shown[f'marserve_failures_total{{{labels}reason="timeout",}}'] == 2


def test_marserves_gauges_are_read_at_the_scrape() -> None:
    queue: list[int] = []
    metrics = Metrics()
    metrics.add_version("ver", "1.0").watch(queue.__len__, lambda: 2, lambda: 1)
    queue.append(7)
    labels = '{model_name="ver",model_version="1.0",}'
    assert samples(metrics, "marserve_queued_requests", "marserve_workers_ready", "marserve_workers_abandoned") == {
        f"marserve_queued_requests{labels}": 1,
        f"marserve_workers_ready{labels}": 2,
        f"marserve_workers_abandoned{labels}": 1,
    }


def test_the_controllers_are_gauges() -> None:
    metrics = Metrics()
    series = metrics.add_version("ver", "1.0").series
    series.watch_controllers(lambda: 2, lambda: 16, lambda: True, lambda: False, lambda: 3)
    shown = samples(metrics)
    names = ("batch_threads", "expected_requests", "batch_gathering", "loop_pacing", "worker_processes")
    assert [shown[f'marserve_{name}{{model_name="ver",model_version="1.0",}}'] for name in names] == [2, 16, 1, 0, 3]


def busy(model: ModelMetrics) -> None:
    """Give every series of a version a value."""
    model.record_request("default")
    model.record_predictions([("default", 1, 1)])
    model.record_batch(1, 1)
    model.record_failure("timeout")
    model.watch(lambda: 0, lambda: 1, lambda: 0)


def test_a_closed_version_takes_marserves_series_with_it_and_leaves_torchserves() -> None:
    metrics = Metrics()
    model = metrics.add_version("ver", "1.0")
    busy(model)
    model.close()
    model.record_failure("gone")
    model.record_predictions([("default", 1, 1)])
    assert not any(name.startswith("marserve_") for name in samples(metrics))
    assert any(name.startswith("ts_inference_requests_total") for name in samples(metrics))
    assert repr(metrics) == "<Metrics prometheus, 0 model versions>"


def test_closing_an_old_version_leaves_the_series_of_the_one_that_took_its_place() -> None:
    metrics = Metrics()
    old, new = metrics.add_version("ver", "1.0"), metrics.add_version("ver", "1.0")
    busy(new)
    before = metrics.expose()
    old.close()
    assert metrics.expose() == before
    assert repr(new) == "<ModelMetrics of ver/1.0>"
