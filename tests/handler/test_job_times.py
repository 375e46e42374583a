"""The times of a job."""

import pytest

from handler.job_times import HandlerTimes, JobTimes


def test_phases_are_milliseconds_and_there_once_the_batch_is_over() -> None:
    times = JobTimes()
    assert times.durations() == {}
    times.arrived_at, times.taken_at, times.batch_ended_at = 1.0, 1.5, 2.0
    assert times.durations() == {"queue": 500, "batch": 500}
    times.handler = HandlerTimes(1.5, 1.75, 2.0)
    assert times.durations() == pytest.approx({"queue": 500, "batch": 500, "handler": 250, "encoding": 250})
