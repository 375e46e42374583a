"""Counters of a version."""

from handler.tensors.statistics import ComputeTimes, Failure, RequestTimes, Statistics


def test_an_execution_counts_rows_requests_and_times() -> None:
    statistics = Statistics()
    statistics.count_execution([RequestTimes(1, 10), RequestTimes(2, 20)], 3, ComputeTimes(4, 5, 6))
    assert (statistics.inference_count, statistics.execution_count) == (3, 1)
    assert (statistics.success.count, statistics.success.nanoseconds) == (2, 30)
    assert statistics.queue.nanoseconds == 3
    assert (statistics.compute.compute_infer.count, statistics.compute.compute_infer.nanoseconds) == (2, 10)
    assert statistics.batches[3].compute_input.nanoseconds == 4
    assert statistics.last_inference > 1_700_000_000_000


def test_failures_are_counted_by_their_reasons() -> None:
    statistics = Statistics()
    statistics.count_failed_execution(2, 50, 3, ComputeTimes(infer=9))
    statistics.count_refused(Failure.REJECTED)
    assert statistics.fail.count == 2
    assert (statistics.execution_count, statistics.inference_count, statistics.success.count) == (1, 0, 0)
    assert statistics.batches[3].compute_infer.nanoseconds == 9
    assert statistics.failures == {
        Failure.REJECTED: 1, Failure.CANCELED: 0, Failure.BACKEND: 2, Failure.OTHER: 0,
    }  # fmt: skip


def test_a_hit_of_the_cache_is_a_success_without_an_execution() -> None:
    statistics = Statistics()
    statistics.count_cached(RequestTimes(1, 2), is_hit=True, lookup=7)
    statistics.count_cached(RequestTimes(1, 2), is_hit=False, lookup=8)
    assert (statistics.cache_hit.nanoseconds, statistics.cache_miss.nanoseconds) == (7, 8)
    assert (statistics.success.count, statistics.execution_count) == (1, 0)
