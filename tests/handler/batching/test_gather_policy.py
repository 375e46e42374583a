"""How many jobs a gathering worker hopes for."""

from math import inf

from handler.batching.gather_policy import MEMORY, MOMENT, PART, SEASON, GatherPolicy


def test_a_new_model_starts_hopeful() -> None:
    assert GatherPolicy(16).usual == 16


def test_a_lone_client_is_believed_to_be_alone_after_five_requests() -> None:
    patience = GatherPolicy(16)
    seen = []
    for _ in range(6):
        patience.note(1)
        seen.append(patience.usual)
    assert seen == [16, 16, 16, 16, 1, 1]


def test_one_lone_request_among_many_changes_nothing() -> None:
    patience = GatherPolicy(4)
    for in_flight in (4, 4, 1, 4, 4, 1, 1, 4):
        patience.note(in_flight)
        assert patience.usual == 4


def test_company_that_comes_back_is_noticed() -> None:
    patience = GatherPolicy(8)
    for _ in range(MEMORY):
        patience.note(1)
    for _ in range(5):
        patience.note(8)
    assert patience.usual == 8


def served(seconds: float, gathered: float) -> GatherPolicy:
    """One that has seen batches that took so long, and so long to gather."""
    patience = GatherPolicy(4)
    for _ in range(MEMORY):
        patience.served(seconds)
        patience.gathered(gathered)
    return patience


def test_company_that_comes_quickly_is_waited_for_as_long_as_configured() -> None:
    assert GatherPolicy(4).allowance(3.0) == 3.0
    assert served(1.0, 0.9 * PART).allowance(3.0) == 3.0
    assert served(0.0, MOMENT).allowance(3.0) == 3.0


def test_company_that_comes_by_chance_is_not_waited_for_but_for_a_try_now_and_then() -> None:
    patience = served(1.0, 2 * PART)
    assert [patience.allowance(3.0) for _ in range(SEASON)] == [0.0] * (SEASON - 1) + [PART]
    assert served(1.0, inf).allowance(3.0) == 0.0


def test_clients_that_have_learnt_to_come_together_are_waited_for_again() -> None:
    patience = served(1.0, inf)
    for _ in range(MEMORY):
        patience.gathered(0.5 * PART)
    assert patience.allowance(3.0) == 3.0
