"""APIs that only those may use who send a certain header."""

from collections.abc import Callable, Mapping

from app.http.responses import RawResponse
from app.open_inference.errors import raw_message

MANAGEMENT_APIS = frozenset({"model-repository", "logging", "trace", "shared-memory"})
"""The groups of APIs that change the server, or let clients reach its memory: they are management."""
Restrictions = Mapping[str, tuple[str, str]]
"""By API, the name of the header and the value that it has to have."""


def check_restriction(restrictions: Restrictions, api: str, header: Callable[[str], str | None]) -> RawResponse | None:
    """The response to a request that lacks the header of its API; None for one that may pass."""
    if api not in restrictions:
        return None
    name, value = restrictions[api]
    if header(name.lower()) == value:
        return None
    return raw_message(f"This API is restricted, expecting header '{name}'", 403, is_json=False)
