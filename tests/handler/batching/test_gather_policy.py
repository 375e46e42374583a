"""How many jobs a gathering worker hopes for."""

from math import inf

from handler.batching.gather_policy import (
    BATCH_TIME_FRACTION,
    FREE_WAIT_SECONDS,
    HISTORY_BATCHES,
    RETRY_BATCHES,
    GatherPolicy,
)


def test_a_new_model_starts_hopeful() -> None:
    assert GatherPolicy(16).expected_in_flight == 16


def test_a_lone_client_is_believed_to_be_alone_after_five_requests() -> None:
    patience = GatherPolicy(16)
    seen = []
    for _ in range(6):
        patience.record_in_flight(1)
        seen.append(patience.expected_in_flight)
    assert seen == [16, 16, 16, 16, 1, 1]


def test_one_lone_request_among_many_changes_nothing() -> None:
    patience = GatherPolicy(4)
    for in_flight in (4, 4, 1, 4, 4, 1, 1, 4):
        patience.record_in_flight(in_flight)
        assert patience.expected_in_flight == 4


def test_company_that_comes_back_is_noticed() -> None:
    patience = GatherPolicy(8)
    for _ in range(HISTORY_BATCHES):
        patience.record_in_flight(1)
    for _ in range(5):
        patience.record_in_flight(8)
    assert patience.expected_in_flight == 8


def served(seconds: float, gathered: float) -> GatherPolicy:
    """One that has seen batches that took so long, and so long to gather."""
    patience = GatherPolicy(4)
    for _ in range(HISTORY_BATCHES):
        patience.record_batch(seconds)
        patience.record_gathering(gathered)
    return patience


def test_company_that_comes_quickly_is_waited_for_as_long_as_configured() -> None:
    assert GatherPolicy(4).max_wait(3.0) == 3.0
    assert served(1.0, 0.9 * BATCH_TIME_FRACTION).max_wait(3.0) == 3.0
    assert served(0.0, FREE_WAIT_SECONDS).max_wait(3.0) == 3.0


def test_company_that_comes_by_chance_is_not_waited_for_but_for_a_try_now_and_then() -> None:
    patience = served(1.0, 2 * BATCH_TIME_FRACTION)
    assert [patience.max_wait(3.0) for _ in range(RETRY_BATCHES)] == [0.0] * (RETRY_BATCHES - 1) + [BATCH_TIME_FRACTION]
    assert served(1.0, inf).max_wait(3.0) == 0.0


def test_clients_that_have_learnt_to_come_together_are_waited_for_again() -> None:
    patience = served(1.0, inf)
    for _ in range(HISTORY_BATCHES):
        patience.record_gathering(0.5 * BATCH_TIME_FRACTION)
    assert patience.max_wait(3.0) == 3.0
