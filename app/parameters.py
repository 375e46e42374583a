"""The parameters of management calls: from the query, or from a JSON body."""

import json
from collections.abc import Mapping
from typing import Any

from app.errors import BadJson, BadRequest
from app.http.call import Call

PAGE = 100


def given(call: Call) -> dict[str, Any]:
    """What a registration asks for: the members of its JSON body if it has that type, else its query.

    Raises BadJson.
    """
    if call.header(b"content-type").partition(";")[0].strip() != "application/json":
        return dict(call.query)
    try:
        body = json.loads(call.body or b"{}")
    except ValueError as error:
        raise BadJson(f"The body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadJson("The body is not a JSON object.")
    return {name: value for name, value in body.items() if value is not None}


def page_asked(call: Call) -> tuple[int, int]:
    """Where a page of a list starts, and how much it holds at most, by the rules of TorchServe."""
    limit = integer(call.query, "limit", PAGE)
    return max(0, integer(call.query, "next_page_token", 0)), limit if 0 <= limit <= PAGE else PAGE


def optional(parameters: Mapping[str, Any], name: str) -> int | None:
    """A number; what is not one silently means that none is given, as TorchServe does."""
    try:
        return int(parameters[name])
    except (KeyError, TypeError, ValueError):
        return None


def one_of(parameters: Mapping[str, Any], name: str, *words: str) -> str | None:
    """One of the words, None where none is given; raises BadRequest for any other."""
    word = parameters.get(name)
    if word is not None and word not in words:
        raise BadRequest(f"{name} must be one of: {', '.join(words)}.")
    return word


def integer(parameters: Mapping[str, Any], name: str, default: int) -> int:
    """A number, or the default."""
    value = optional(parameters, name)
    return default if value is None else value
