"""Pages of sorted lists."""

import pytest

from model_registry.pagination import page_of


@pytest.mark.parametrize(
    ("start", "limit", "page", "following"),
    [
        (0, 2, ["a", "b"], 2),
        (2, 2, ["c"], None),
        (0, 3, ["a", "b", "c"], 3),
        (3, 2, [], None),
        (9, 2, [], None),
    ],
)
def test_a_page_that_ends_exactly_at_the_end_has_a_next_one(
    start: int, limit: int, page: list[str], following: int | None
) -> None:
    assert page_of(["a", "b", "c"], start, limit) == (page, following)
