"""Series take values from any thread and show their samples."""

from concurrent.futures import ThreadPoolExecutor

from handler.metrics.series import Counter, Gauge, Histogram


def test_a_counter_adds_up_what_threads_count() -> None:
    counter = Counter()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(counter.increase, [0.5] * 1000))
    assert list(counter.samples()) == [("", {}, 500.0)]
    assert repr(counter) == "<Counter 500.0>"


def test_a_gauge_shows_its_last_value_or_what_it_watches() -> None:
    gauge = Gauge()
    gauge.set(3)
    gauge.set(2)
    assert list(gauge.samples()) == [("", {}, 2)]
    gauge.read = lambda: 7
    assert list(gauge.samples()) == [("", {}, 7)]
    assert repr(gauge) == "<Gauge 7>"


def test_a_histogram_counts_values_up_to_each_bound() -> None:
    histogram = Histogram((1, 2.5))
    histogram.observe(1)
    histogram.observe_all((2, 3))
    assert list(histogram.samples()) == [
        ("_bucket", {"le": "1.0"}, 1),
        ("_bucket", {"le": "2.5"}, 2),
        ("_bucket", {"le": "+Inf"}, 3),
        ("_count", {}, 3),
        ("_sum", {}, 6.0),
    ]
    assert repr(histogram) == "<Histogram of 3 values>"
