"""The expected number of jobs, and the wait for them."""

from math import inf

from handler.batching.gather_policy import (
    BATCH_TIME_FRACTION,
    FREE_WAIT_SECONDS,
    HISTORY_BATCHES,
    RETRY_BATCHES,
    GatherPolicy,
)


def test_a_new_model_expects_full_batches() -> None:
    assert GatherPolicy(16).expected_in_flight == 16


def test_a_lone_client_is_recognised_after_five_requests() -> None:
    policy = GatherPolicy(16)
    seen = []
    for _ in range(6):
        policy.record_in_flight(1)
        seen.append(policy.expected_in_flight)
    assert seen == [16, 16, 16, 16, 1, 1]


def test_one_lone_request_among_many_changes_nothing() -> None:
    policy = GatherPolicy(4)
    for in_flight in (4, 4, 1, 4, 4, 1, 1, 4):
        policy.record_in_flight(in_flight)
        assert policy.expected_in_flight == 4


def test_concurrent_clients_that_come_back_are_recognised() -> None:
    policy = GatherPolicy(8)
    for _ in range(HISTORY_BATCHES):
        policy.record_in_flight(1)
    for _ in range(5):
        policy.record_in_flight(8)
    assert policy.expected_in_flight == 8


def policy_after(seconds: float, gathered: float) -> GatherPolicy:
    """A policy after batches that took so long, and so long to gather."""
    policy = GatherPolicy(4)
    for _ in range(HISTORY_BATCHES):
        policy.record_batch(seconds)
        policy.record_gathering(gathered)
    return policy


def test_clients_that_come_quickly_are_waited_for_as_long_as_configured() -> None:
    assert GatherPolicy(4).max_wait(3.0) == 3.0
    assert policy_after(1.0, 0.9 * BATCH_TIME_FRACTION).max_wait(3.0) == 3.0
    assert policy_after(0.0, FREE_WAIT_SECONDS).max_wait(3.0) == 3.0


def test_clients_that_come_at_random_are_not_waited_for_but_for_a_try_now_and_then() -> None:
    policy = policy_after(1.0, 2 * BATCH_TIME_FRACTION)
    assert [policy.max_wait(3.0) for _ in range(RETRY_BATCHES)] == [0.0] * (RETRY_BATCHES - 1) + [BATCH_TIME_FRACTION]
    assert policy_after(1.0, inf).max_wait(3.0) == 0.0


def test_clients_that_have_learnt_to_come_together_are_waited_for_again() -> None:
    policy = policy_after(1.0, inf)
    for _ in range(HISTORY_BATCHES):
        policy.record_gathering(0.5 * BATCH_TIME_FRACTION)
    assert policy.max_wait(3.0) == 3.0
