"""OpenMetrics, as prometheus_client reads it."""

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from handler.metrics.exposition import Exposition
from handler.metrics.families import Family
from handler.metrics.openmetrics import render_openmetrics

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_it_is_read_with_its_types_labels_and_exemplars() -> None:
    exposition = Exposition()
    ours = Family("a_failures_total", "counter", "", ("model",), 'Says "no".')
    theirs, duration = Family("Requests2XX", "counter", "Count", ("host",)), Family("b", "histogram", "", ("model",))
    for family in (ours, theirs, duration):
        exposition.declare(family, (0.5, 1))
    exposition.bind(ours, ['x"\\'])(2)
    exposition.bind(theirs, ["h"])(3)
    exposition.bind_many(duration, ["m"])([0.1, 0.7, 5])
    for value in (0.7, 5):
        exposition.exemplars(duration, ["m"])(value, TRACE)
    text = render_openmetrics(exposition).decode()
    failures, requests, durations = text_string_to_metric_families(text)
    assert (failures.name, failures.type, failures.samples[0].labels) == ("a_failures", "counter", {"model": 'x"\\'})
    assert (requests.type, requests.samples[0].value) == ("unknown", 3)
    exemplars = {each.labels["le"]: each.exemplar for each in durations.samples if each.exemplar}
    assert exemplars.keys() == {"1.0", "+Inf"}
    assert exemplars["1.0"].labels == {"trace_id": TRACE}
    assert exemplars["+Inf"].value == 5


def test_single_samples_can_be_asked_for() -> None:
    exposition = Exposition()
    family = Family("a", "gauge", "", ())
    exposition.declare(family)
    exposition.declare(Family("b", "gauge", "", ()))
    exposition.bind(family, ())(1)
    lines = render_openmetrics(exposition, ["a"]).decode().splitlines()
    assert lines[1:] == ["# TYPE a gauge", "a 1.0", "# EOF"]
