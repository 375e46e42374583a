"""The waits before restarts: TorchServe's after failed loads, bounded where workers die again and again."""

from itertools import islice

from handler.workers.restart_backoff import RESTARTS_AT_ONCE, STABLE_SECONDS, RestartBackoff, restart_delays


def test_restarts_after_failed_loads_are_delayed_as_in_torchserve() -> None:
    assert list(islice(restart_delays(), 8)) == [0, 1, 1, 2, 3, 5, 8, 13]
    assert max(islice(restart_delays(), 30)) == 1597


def test_each_worker_that_dies_early_is_replaced_at_once_a_few_times_only() -> None:
    backoff = RestartBackoff()
    at_once = RESTARTS_AT_ONCE * 2
    assert [backoff.after_death(0.1, 2) for _ in range(at_once + 8)] == [0] * at_once + [1, 2, 3, 5, 8, 13, 13, 13]
    assert repr(backoff) == "<RestartBackoff after 12 early deaths>"


def test_a_worker_that_had_served_for_long_is_replaced_at_once_and_the_waits_begin_anew() -> None:
    backoff = RestartBackoff()
    early = [backoff.after_death(0, 1) for _ in range(5)]
    assert backoff.after_death(STABLE_SECONDS, 1) == 0
    assert [backoff.after_death(0, 1) for _ in range(5)] == early == [0, 0, 1, 2, 3]


def test_the_waits_of_loads_begin_anew_after_one_that_succeeded() -> None:
    backoff = RestartBackoff()
    assert [backoff.after_failed_load() for _ in range(4)] == [0, 1, 1, 2]
    backoff.after_death(0, 1)
    assert backoff.after_failed_load() == 0
