"""The older classes of metrics: ts.metrics.metrics_store, metric, metric_encoder and process_memory_metric."""

import io
import json
import logging
import os
import re
from pathlib import Path

import pytest
from ts.metrics.dimension import Dimension
from ts.metrics.metric import Metric
from ts.metrics.metric_encoder import MetricEncoder
from ts.metrics.metrics_store import MetricsStore
from ts.metrics.process_memory_metric import check_process_mem_usage, get_cpu_usage
from ts.service import emit_metrics


def line(caplog):
    """The last line logged, without host and time."""
    return re.sub(r"#hostname:[^,]+,\d+", "#", caplog.messages[-1])


def test_a_store_keeps_the_first_value_of_each_metric_and_request():
    store = MetricsStore({0: "first", 1: "second"}, "shapes")
    store.add_counter("c", 1)
    store.add_counter("c", 2)
    store.add_counter("c", 3, 1)
    store.add_time("t", 4, 0)
    store.add_size("s", 5, unit="GB")
    store.add_percent("p", 6)
    store.add_error("e", "boom")
    store.add_metric("m", 7, "zz", dimensions=[Dimension("k", "v")])
    found = [(metric.name, metric.unit, metric.value, metric.request_id) for metric in store.store]
    assert found == [
        ("c", "Count", 1, "first,second"),
        ("c", "Count", 3, "second"),
        ("t", "Milliseconds", 4, "first"),
        ("s", "Gigabytes", 5, "first,second"),
        ("p", "Percent", 6, "first,second"),
        ("e", "unit", "boom", None),
        ("m", "zz", 7, "first,second"),
    ]
    assert list(store.cache)[:2] == [
        "c-count-first,second-ModelName:shapes-Level:Model",
        "c-count-second-ModelName:shapes-Level:Model",
    ]


def test_a_store_refuses_wrong_units():
    store = MetricsStore({0: "first"}, "shapes")
    with pytest.raises(ValueError, match="timed metric"):
        store.add_time("t", 1, unit="h")
    with pytest.raises(ValueError, match="size based metric"):
        store.add_size("s", 1, unit="TB")


def test_a_single_metric_as_text_dict_and_json():
    metric = Metric("N", 1.5, "ms", [Dimension("a", "b"), Dimension("c", "d")], "first")
    assert re.fullmatch(r"N\.Milliseconds:1\.5\|#a:b,c:d\|#hostname:[^,]+,\d+,first", str(metric))
    found = metric.to_dict()
    assert (found["MetricName"], found["Value"], found["Unit"], found["RequestId"]) == (
        "N",
        1.5,
        "Milliseconds",
        "first",
    )
    assert json.loads(json.dumps(metric, cls=MetricEncoder))["Dimensions"][0] == {"Name": "a", "Value": "b"}
    with pytest.raises(TypeError, match="set is not JSON serializable"):
        json.dumps({1}, cls=MetricEncoder)


def test_updating_a_single_metric_logs_and_keeps_the_first_value(caplog):
    metric = Metric("N", 1, "count", [Dimension("a", "b")], "first")
    with caplog.at_level(logging.INFO, "ts.metrics.caching_metric"):
        metric.update(2)
        assert line(caplog) == "[METRICS]N.Count:2|#a:b|#type:COUNTER|#,first"
        metric.reset()
        assert line(caplog) == "[METRICS]N.Count:0|#a:b|#type:COUNTER|#,first"
    assert metric.value == 1


def test_a_list_of_metrics_can_be_logged(caplog):
    store = MetricsStore("first", "shapes")
    store.add_counter("c", 1)
    with caplog.at_level(logging.INFO, "ts.service"):
        emit_metrics(store.store)
        emit_metrics(None)
    assert [line(caplog)] == ["[METRICS]c.Count:1|#ModelName:shapes,Level:Model|#,first"]
    assert len(caplog.messages) == 1


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks the kernel by its files in /proc")
def test_the_memory_of_processes(caplog):
    assert get_cpu_usage(os.getpid()) > 1_000_000
    assert get_cpu_usage(99_999_999) == 0
    assert "Failed get process for pid: 99999999" in caplog.text
    with caplog.at_level(logging.INFO, "ts.metrics.process_memory_metric"):
        check_process_mem_usage(io.StringIO(f"{os.getpid()}\n"))
    assert caplog.messages[-1].startswith(f"{os.getpid()}:")
