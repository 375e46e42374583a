"""Lists that are told page by page."""

from collections.abc import Sequence


def page_of(names: Sequence[str], start: int, limit: int) -> tuple[Sequence[str], int | None]:
    """`limit` names from `start` on, and where the next page starts, None at the end; as in TorchServe a page that
    ends exactly at the end still names a next one."""
    end = start + limit
    return names[start:end], end if end <= len(names) else None
