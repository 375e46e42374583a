"""How many jobs a gathering worker hopes for."""

from handler.patience import MEMORY, Patience


def test_a_new_model_starts_hopeful() -> None:
    assert Patience(16).usual == 16


def test_a_lone_client_is_believed_to_be_alone_after_five_requests() -> None:
    patience = Patience(16)
    seen = []
    for _ in range(6):
        patience.note(1)
        seen.append(patience.usual)
    assert seen == [16, 16, 16, 16, 1, 1]


def test_one_lone_request_among_many_changes_nothing() -> None:
    patience = Patience(4)
    for in_flight in (4, 4, 1, 4, 4, 1, 1, 4):
        patience.note(in_flight)
        assert patience.usual == 4


def test_company_that_comes_back_is_noticed() -> None:
    patience = Patience(8)
    for _ in range(MEMORY):
        patience.note(1)
    for _ in range(5):
        patience.note(8)
    assert patience.usual == 8
