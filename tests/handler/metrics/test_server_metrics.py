"""Where metrics end: the exposition, the lines of the logs, and the gauges of the host."""

import re
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from handler.metrics.server_metrics import MAX_PENDING_LINES, Metrics
from tests.support.metric_samples import samples

Lines = list[tuple[str, str]]

MODEL = {"ModelName": "ver", "Level": "Model"}


def metrics_with_lines(mode: Any, **options: Any) -> tuple[Metrics, Lines]:
    """Metrics in that mode, and the lines that they will write."""
    metrics, lines = Metrics(mode, hostname="vm", **options), Lines()
    metrics.log.sink = lambda log, new: lines.extend(
        (log, re.sub(r"timestamp:\d+", "timestamp:0", line)) for line in new
    )
    return metrics, lines


@pytest.fixture
def metrics() -> Metrics:
    """Metrics as with metrics_mode=prometheus and nothing of ours."""
    return Metrics(extra=False, hostname="vm")


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    """A metrics file with families of its own."""
    file = tmp_path / "metrics.yaml"
    file.write_text(
        "ts_metrics:\n"
        "  counter: [{name: Requests2XX, unit: Count, dimensions: [Level, Hostname]}]\n"
        "  histogram: [{name: WorkerThreadTime, unit: ms, dimensions: [Level, Hostname]}]\n"
        "model_metrics:\n"
        "  counter: [{name: Cats, unit: Count, dimensions: [Kind, ModelName, Level]}]\n"
        "  gauge: [{name: Heat, unit: Degrees, dimensions: [ModelName, Level]}]\n"
    )
    return file


def test_all_declared_families_show_before_any_update_and_nothing_else(metrics: Metrics) -> None:
    """These are TorchServe's, as it showed them."""
    text = metrics.expose().decode()
    assert samples(metrics) == {}
    assert set(re.findall(r"^# TYPE (.*)", text, re.MULTILINE)) == {
        *(f"Requests{hundreds}XX counter" for hundreds in (2, 4, 5)),
        *(f"{name} gauge" for name in ("QueueTime", "WorkerThreadTime", "WorkerLoadTime", "CPUUtilization")),
        *(f"{name} gauge" for name in ("MemoryUsed", "MemoryAvailable", "MemoryUtilization")),
        *(f"{name} gauge" for name in ("DiskUsage", "DiskAvailable", "DiskUtilization")),
        *(f"{name} gauge" for name in ("GPUMemoryUtilization", "GPUMemoryUsed", "GPUUtilization")),
        *(f"{name} gauge" for name in ("HandlerTime", "PredictionTime")),
        "ts_inference_requests_total counter",
        "ts_inference_latency_microseconds counter",
        "ts_queue_latency_microseconds counter",
    }
    assert "# HELP HandlerTime Torchserve prometheus gauge metric with unit: ms\n" in text


def test_answers_are_counted_by_class_and_odd_ones_as_5xx(metrics: Metrics) -> None:
    for status in (200, 201, 404, 503, 302, 100):
        metrics.record_status(status)
    assert samples(metrics) == {
        'Requests2XX{Level="Host",Hostname="vm",}': 2,
        'Requests4XX{Level="Host",Hostname="vm",}': 1,
        'Requests5XX{Level="Host",Hostname="vm",}': 3,
    }


def test_a_handlers_metric_shows_only_if_it_is_declared(metrics: Metrics) -> None:
    metrics.emit("PredictionTime", 0.62, "Milliseconds", MODEL, "GAUGE", "id")
    metrics.emit("KitCounter", 1, "Count", MODEL, "COUNTER", "id")
    assert samples(metrics) == {'PredictionTime{ModelName="ver",Level="Model",Hostname="vm",}': 0.62}


def test_a_declaration_decides_type_labels_and_order_of_a_handlers_metric(declared: Path) -> None:
    """Values go to labels by their place, as TorchServe does."""
    metrics = Metrics(config=declared, extra=False, hostname="vm")
    for _ in range(2):
        metrics.emit("Cats", 2, "Kilos", {"X": "blue", "Y": "ver", "Z": "Model"}, "GAUGE", "id")
    metrics.emit("Cats", 1, "Count", MODEL, "COUNTER", "id")
    assert samples(metrics) == {'Cats{Kind="blue",ModelName="ver",Level="Model",Hostname="vm",}': 4}


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "many", None])
def test_a_value_that_a_counter_cannot_take_is_dropped(declared: Path, value: Any) -> None:
    metrics = Metrics(config=declared, extra=False)
    metrics.emit("Cats", value, "Count", {"Kind": "blue", **MODEL}, "COUNTER", "id")
    assert samples(metrics) == {}


def test_a_gauge_takes_negative_values(declared: Path) -> None:
    metrics = Metrics(config=declared, extra=False, hostname="vm")
    metrics.emit("Heat", -3.5, "Degrees", MODEL, "GAUGE", "id")
    assert list(samples(metrics).values()) == [-3.5]


def test_families_that_the_file_leaves_out_do_not_exist(declared: Path) -> None:
    metrics = Metrics(config=declared, extra=False, hostname="vm")
    metrics.record_status(200)
    metrics.record_status(404)
    metrics.add_version("ver", "1.0").record_predictions([("default", 1, 1)])
    metrics.add_version("ver", "1.0").record_batch(1, 9)
    assert b"Requests4XX" not in metrics.expose()
    assert samples(metrics, "Requests2XX", "WorkerThreadTime_sum", "ts_inference_requests_total") == {
        'Requests2XX{Level="Host",Hostname="vm",}': 1,
        'WorkerThreadTime_sum{Level="Host",Hostname="vm",}': 9,
    }


def test_auto_detection_declares_a_metric_by_its_first_look() -> None:
    metrics = Metrics(auto_detect=True, extra=False, hostname="vm")
    metrics.emit("Size", 3, "Megabytes", {"Kind": "a", **MODEL}, "GAUGE", "id")
    metrics.emit("Size", 4, "Bytes", {"Kind": "b", **MODEL}, "COUNTER", "id")
    assert b"# HELP Size Torchserve prometheus gauge metric with unit: Megabytes\n# TYPE Size gauge" in metrics.expose()
    assert samples(metrics) == {
        'Size{Kind="a",ModelName="ver",Level="Model",Hostname="vm",}': 3,
        'Size{Kind="b",ModelName="ver",Level="Model",Hostname="vm",}': 4,
    }


@pytest.mark.parametrize(
    ("name", "dimensions", "kind"),
    [
        ("bad.name", MODEL, "GAUGE"),
        ("Fine", {"a-b": "x"}, "GAUGE"),
        ("Fine", MODEL, "SUMMARY"),
        ("QueueTime", MODEL, "GAUGE"),
    ],
)
def test_auto_detection_skips_names_that_prometheus_does_not_accept(
    name: str, dimensions: dict[str, str], kind: str
) -> None:
    metrics = Metrics(auto_detect=True, extra=False)
    before = metrics.expose()
    metrics.emit(name, 1, "Count", dimensions, kind, "id")
    assert metrics.expose() == before


def test_detection_from_many_threads_loses_no_count() -> None:
    metrics = Metrics(auto_detect=True, extra=False)
    threads = [
        Thread(target=lambda: [metrics.emit("Seen", 1, "Count", MODEL, "COUNTER", "id") for _ in range(50)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(samples(metrics).values()) == [400]


def test_log_mode_writes_few_lines_at_once() -> None:
    metrics, lines = metrics_with_lines("log")
    model = metrics.add_version("ver", "1.0")
    for _ in range(MAX_PENDING_LINES - 1):
        model.record_predictions([("default", 1, 1)])
    assert lines == []
    model.record_predictions([("default", 1, 1)])
    assert len(lines) == 3 * MAX_PENDING_LINES


def test_log_mode_shows_nothing_and_writes_each_update() -> None:
    metrics, lines = metrics_with_lines("log")
    model = metrics.add_version("ver", "1.0")
    model.record_request("default")
    model.record_predictions([("default", 0.0060431, 0.000193544)])
    metrics.record_status(200)
    metrics.flush()
    model.record_load("W-9000-ver_1.0", 1781)
    metrics.emit("PredictionTime", 2.32, "Milliseconds", MODEL, "GAUGE", "eb55520c")
    metrics.emit("PredictionTime", 12345678.9, "Milliseconds", MODEL, "GAUGE", "")
    metrics.emit("KitTime", 1, "Milliseconds", MODEL, "GAUGE", "id")
    assert metrics.expose() == b""
    request = "|#model_name:ver,model_version:default|#hostname:vm,timestamp:0"
    assert lines == [
        ("ts", f"ts_inference_requests_total.Count:1.0{request}"),
        ("ts", f"ts_inference_latency_microseconds.Microseconds:6043.1{request}"),
        ("ts", f"ts_queue_latency_microseconds.Microseconds:193.544{request}"),
        ("ts", "QueueTime.Milliseconds:0.0|#Level:Host|#hostname:vm,timestamp:0"),
        ("ts", "Requests2XX.Count:1.0|#Level:Host|#hostname:vm,timestamp:0"),
        ("ts", "WorkerLoadTime.Milliseconds:1781.0|#WorkerName:W-9000-ver_1.0,Level:Host|#hostname:vm,timestamp:0"),
        ("ts", "WorkerThreadTime.Milliseconds:1781.0|#Level:Host|#hostname:vm,timestamp:0"),
        ("model", "PredictionTime.ms:2.32|#ModelName:ver,Level:Model|#hostname:vm,requestID:eb55520c,timestamp:0"),
        ("model", "PredictionTime.ms:1.23456789E7|#ModelName:ver,Level:Model|#hostname:vm,requestID:null,timestamp:0"),
    ]


def test_log_mode_without_a_sink_is_quiet() -> None:
    metrics = Metrics("log")
    metrics.record_status(200)
    assert metrics.expose() == b""


def test_log_mode_detects_too() -> None:
    metrics, lines = metrics_with_lines("log", auto_detect=True)
    metrics.emit("PErr", 1, "unit", {"Level": "Error"}, "COUNTER", "")
    assert lines == [("model", "PErr.unit:1.0|#Level:Error|#hostname:vm,requestID:null,timestamp:0")]


def test_prometheus_mode_writes_no_lines() -> None:
    metrics, lines = metrics_with_lines("prometheus")
    metrics.record_status(200)
    assert lines == []


def test_legacy_mode_shows_three_counters_and_writes_the_rest() -> None:
    """TorchServe's recorded behaviour."""
    metrics, lines = metrics_with_lines("legacy")
    metrics.add_version("ver", "1.0").record_predictions([("default", 0.000001, 0.000002)])
    assert re.findall("# TYPE (.*)", metrics.expose().decode()) == [
        "ts_inference_requests_total counter",
        "ts_inference_latency_microseconds counter",
        "ts_queue_latency_microseconds counter",
    ]
    assert list(samples(metrics).values()) == [1, 2]
    assert lines == [("ts", "QueueTime.Milliseconds:0.0|#Level:Host|#hostname:vm,timestamp:0")]
