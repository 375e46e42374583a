"""Pages of sorted lists."""

from collections.abc import Sequence


def page_of(names: Sequence[str], start: int, limit: int) -> tuple[Sequence[str], int | None]:
    """At most `limit` names from `start` on, and the start of the next page or None.

    As in TorchServe a page that ends exactly at the end still has a next one.
    """
    end = start + limit
    return names[start:end], end if end <= len(names) else None
