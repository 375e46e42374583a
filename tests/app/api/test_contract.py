"""The contracts of routes."""

from app.api.contract import ALIAS, STATUS, Contract


def test_a_route_that_says_nothing_answers_with_a_status() -> None:
    assert Contract() == STATUS
    assert STATUS.statuses == (200,)
    assert ALIAS.is_alias
