"""Metrics that handlers emit: ts.metrics."""

import copy
import logging
import re
import threading
from pathlib import Path

import pytest
import ts
import ts.metrics.metric_cache_errors as merrors
import yaml
from ts.metrics.caching_metric import CachingMetric
from ts.metrics.dimension import Dimension
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
from ts.metrics.metric_type_enum import MetricTypes

CONFIG = {
    "dimensions": ["ModelName", "Level"],
    "ts_metrics": {"counter": [{"name": "Requests2XX", "unit": "Count", "dimensions": ["Level"]}]},
    "model_metrics": {
        "counter": [{"name": "Seen", "unit": "Count", "dimensions": ["ModelName", "Level"]}],
        "gauge": [{"name": "Load", "unit": "ms", "dimensions": ["ModelName", "Level"]}],
        "histogram": [{"name": "Size", "unit": "ms", "dimensions": ["ModelName", "Level"]}],
    },
}
MODEL = {"ModelName": "shapes", "Level": "Model"}


@pytest.fixture
def cache():
    """The metrics of a model with a batch of two; its updates land in `emitted`."""
    cache = MetricsCacheYamlImpl()
    cache.model_name = "shapes"
    cache.set_request_ids({0: "first", 1: "second"})
    cache.emitted = []
    cache.sink = lambda *update: cache.emitted.append(update)
    return cache


def line(caplog):
    """The last line logged, without host and time."""
    return re.sub(r"#hostname:[^,]+,\d+", "#", caplog.messages[-1])


@pytest.mark.parametrize(
    ("add", "update"),
    [
        (lambda m: m.add_counter("C", 2), ("C", 2, "Count", MODEL, "counter", "first,second")),
        (lambda m: m.add_time("T", 1.5), ("T", 1.5, "Milliseconds", MODEL, "gauge", "first,second")),
        (lambda m: m.add_time("T", 1.5, 1, "s"), ("T", 1.5, "Seconds", MODEL, "gauge", "second")),
        (lambda m: m.add_size("S", 3), ("S", 3, "Megabytes", MODEL, "gauge", "first,second")),
        (lambda m: m.add_size("S", 3, unit="kB"), ("S", 3, "Kilobytes", MODEL, "gauge", "first,second")),
        (lambda m: m.add_percent("P", 42, 0), ("P", 42, "Percent", MODEL, "gauge", "first")),
        (lambda m: m.add_metric("M", 5, "count"), ("M", 5, "Count", MODEL, "counter", "first,second")),
        (lambda m: m.add_metric("M", 5, ""), ("M", 5, "unit", MODEL, "counter", "first,second")),
        (lambda m: m.add_error("E", 1), ("E", 1, "unit", {"Level": "Error"}, "counter", "")),
        (
            lambda m: m.add_metric("M", 5, "furlong", 0, [Dimension("Kind", 7)], MetricTypes.HISTOGRAM),
            ("M", 5, "furlong", {"Kind": "7", **MODEL}, "histogram", "first"),
        ),
    ],
)
def test_every_kind_of_metric_reaches_the_sink(cache, add, update):
    add(cache)
    assert cache.emitted == [update]


def test_dimensions_come_in_order_given_ones_first(cache):
    cache.add_counter("C", 1, dimensions=[Dimension("Kind", "blue")])
    assert list(cache.emitted[0][3]) == ["Kind", "ModelName", "Level"]


def test_a_default_dimension_that_is_given_stays(cache):
    cache.add_counter("C", 1, dimensions=[Dimension("Level", "Deep")])
    assert cache.emitted[0][3] == {"Level": "Deep", "ModelName": "shapes"}


def test_default_dimensions_never_leak_from_model_to_model(cache):
    """TorchServe adds them to the list given, or to a default list that all models of a process would share."""
    given = [Dimension("Kind", "blue")]
    cache.add_counter("C", 1, dimensions=given)
    other = MetricsCacheYamlImpl()
    other.model_name, other.emitted = "other", []
    other.sink = lambda *update: other.emitted.append(update)
    other.add_counter("C", 1)
    assert [dimension.name for dimension in given] == ["Kind"]
    assert other.emitted[0][3] == {"ModelName": "other", "Level": "Model"}


@pytest.mark.parametrize("idx", [None, 9, "first", "ERROR"])
def test_an_index_that_is_no_row_means_all_rows(cache, idx):
    cache.add_counter("C", 1, idx)
    assert cache.emitted[0][5] == "first,second"


@pytest.mark.parametrize("ids", ["", "load-1"])
def test_metrics_work_before_the_first_batch(cache, ids):
    cache.set_request_ids(ids)
    cache.add_time("LoadTime", 7)
    assert cache.emitted == [("LoadTime", 7, "Milliseconds", MODEL, "gauge", ids)]


def test_a_new_cache_belongs_to_its_model_though_it_knows_no_request():
    emitted = []
    cache = MetricsCacheYamlImpl()
    cache.model_name = "shapes"
    cache.sink = lambda *update: emitted.append(update)
    cache.add_counter("C", 1)
    assert emitted == [("C", 1, "Count", MODEL, "counter", "")]


def test_wrong_units_are_refused(cache):
    with pytest.raises(merrors.MetricsCacheValueError, match=r"timed metric should be one of \['ms', 's'\]"):
        cache.add_time("T", 1, unit="h")
    with pytest.raises(ValueError, match="size based metric is one of"):
        cache.add_size("S", 1, unit="TB")


def test_a_unit_in_the_place_of_dimensions_raises_attribute_error(cache):
    with pytest.raises(AttributeError, match="'str' object has no attribute 'name'"):
        cache.add_counter("C", 1, None, "ms")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((7, "ms"), "`metric_name` must be a str"),
        (("M", None), "`unit` must be a str"),
        (("M", "ms", "x"), "`dimension_names` should be a list"),
        (("M", "ms", [], "gauge"), "`metric_type` must be a MetricTypes enum"),
    ],
)
def test_metrics_of_wrong_types_are_refused(cache, arguments, complaint):
    with pytest.raises(merrors.MetricsCacheTypeError, match=complaint):
        cache.add_metric_to_cache(*arguments)


def test_a_metric_can_be_declared_and_updated_later(cache):
    own = cache.add_metric_to_cache("Own", "count", ["ModelName", "Kind"])
    own.add_or_update(3, ["shapes", "red"])
    own.add_or_update(1, ["shapes", 2], "first")
    assert cache.emitted == [
        ("Own", 3, "Count", {"ModelName": "shapes", "Kind": "red"}, "counter", ""),
        ("Own", 1, "Count", {"ModelName": "shapes", "Kind": "2"}, "counter", "first"),
    ]
    assert cache.get_metric("Own") is own


def test_a_negative_counter_is_logged_and_dropped(cache, caplog):
    cache.add_counter("C", -1)
    assert cache.emitted == []
    (message,) = caplog.messages
    assert message.startswith(
        "[METRICS]Failed to update metric with name:C and dimensions: ModelName:shapes,Level:Model"
    )
    assert message.endswith("with value: -1: Counter metric update value cannot be negative")


def test_the_first_use_settles_the_dimensions(cache, caplog):
    cache.add_counter("C", 1, dimensions=[Dimension("Kind", "blue")])
    cache.add_counter("C", 1)
    assert len(cache.emitted) == 1
    assert "Dimension values: ['shapes', 'Model'] should correspond to Dimension names" in caplog.text


def test_the_old_way_of_updating_replaces_the_dimensions(cache, caplog):
    own = cache.add_metric_to_cache("Own", "count", ["Kind"])
    own.update(3, "first", [Dimension("a", "b")])
    assert cache.emitted == [("Own", 3, "Count", {"a": "b"}, "counter", "first")]
    assert caplog.messages == ["Overriding existing dimensions"]


def test_declaring_a_metric_again_replaces_it_with_a_warning(cache, caplog):
    first = cache.add_metric_to_cache("Own", "count")
    assert cache.add_metric_to_cache("Own", "ms") is not first
    assert cache.add_metric_to_cache("Own", "ms", metric_type=MetricTypes.GAUGE) is not first
    assert caplog.messages == ["Overriding existing key MetricTypes.COUNTER:Own"]
    assert cache.cache_keys() == ["counter:Own", "gauge:Own"]


def test_a_metric_that_is_not_there_is_a_key_error(cache):
    with pytest.raises(
        merrors.MetricsCacheKeyError, match=r"Metric of type 'MetricTypes\.COUNTER' and name 'X' doesn't exist"
    ):
        cache.get_metric("X")
    with pytest.raises(TypeError, match="`metric_type` must be a MetricTypes enum"):
        cache.get_metric("X", "gauge")


def test_without_a_sink_updates_are_logged_as_lines(cache, caplog):
    cache.sink = None
    with caplog.at_level(logging.INFO, "ts.metrics.caching_metric"):
        cache.add_time("T", 1.5)
        assert line(caplog) == "[METRICS]T.Milliseconds:1.5|#ModelName:shapes,Level:Model|#type:GAUGE|#,first,second"
        cache.add_error("E", 1)
        assert line(caplog) == "[METRICS]E.unit:1|#Level:Error|#type:COUNTER|#"


def test_a_metrics_file_declares_metrics_and_is_read_when_needed(tmp_path):
    path = tmp_path / "metrics.yaml"
    cache = MetricsCacheYamlImpl(str(path))
    path.write_text(yaml.safe_dump(CONFIG))
    load = cache.get_metric("Load", MetricTypes.GAUGE)
    assert (load.unit, load.dimension_names) == ("Milliseconds", ["ModelName", "Level"])
    assert cache.cache_keys() == ["counter:Seen", "gauge:Load", "histogram:Size"]


def test_a_metrics_file_may_be_given_as_its_content():
    cache = MetricsCacheYamlImpl(CONFIG)
    cache.add_counter("More", 1)
    assert cache.cache_keys() == ["counter:Seen", "counter:More", "gauge:Load", "histogram:Size"]
    cache.initialize_cache()
    assert cache.cache_keys() == ["counter:Seen", "gauge:Load", "histogram:Size"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (None, merrors.MetricsCacheIOError),
        ("a: [", merrors.MetricsCachePyYamlError),
        ("dimensions: []", merrors.MetricsCacheKeyError),
        ("", merrors.MetricsCacheKeyError),
        ("model_metrics: {gauge: [{unit: ms, dimensions: [a]}]}", merrors.MetricsCacheKeyError),
        ("model_metrics: {gauge: [{name: a, unit: ms, dimensions: x}]}", merrors.MetricsCacheTypeError),
    ],
)
def test_wrong_metrics_files_are_told_apart(tmp_path, text, error):
    path = tmp_path / "metrics.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(error):
        MetricsCacheYamlImpl(path).initialize_cache()


def test_the_shipped_metrics_file_declares_torchserves_metrics():
    path = Path(ts.__file__).parent / "configs" / "metrics.yaml"
    declared = yaml.safe_load(path.read_text())["ts_metrics"]
    assert [metric["name"] for metric in declared["counter"]] == [
        "Requests2XX",
        "Requests4XX",
        "Requests5XX",
        "ts_inference_requests_total",
        "ts_inference_latency_microseconds",
        "ts_queue_latency_microseconds",
    ]
    assert len(declared["gauge"]) == 13
    assert MetricsCacheYamlImpl(path).cache_keys() == ["gauge:HandlerTime", "gauge:PredictionTime"]


def test_a_deep_copy_shares_only_the_sink(cache):
    class Registry:
        def __init__(self):
            self.lock = threading.Lock()
            self.names = []

        def take(self, name, *_):
            self.names.append(name)

    registry = Registry()
    cache.sink = registry.take
    own = cache.add_metric_to_cache("Own", "count")
    twin = copy.deepcopy(cache)
    twin.get_metric("Own").add_or_update(1)
    twin.add_metric_to_cache("Other", "count")
    assert registry.names == ["Own"]
    assert twin.get_metric("Own") is not own
    assert cache.cache_keys() == ["counter:Own"]


def test_what_metrics_print(cache):
    own = cache.add_metric_to_cache("Own", "ms", ["Kind"], MetricTypes.GAUGE)
    assert repr(own) == "<gauge Own in Milliseconds, by Kind>"
    assert repr(cache) == "<metrics of shapes: gauge:Own>"
    assert repr(Dimension("a", 1)) == "<Dimension a:1>"


def test_a_metric_of_its_own_logs(caplog):
    with caplog.at_level(logging.INFO, "ts.metrics.caching_metric"):
        CachingMetric("Own", "count").add_or_update(3)
    assert line(caplog) == "[METRICS]Own.Count:3|#|#type:COUNTER|#"
