"""The parameters of management calls: from the query, or from a JSON body."""

import json
from collections.abc import Mapping
from typing import Any

from app.errors import BadJson, BadRequest
from app.http.request import Call
from model_registry.values import INT32_MAX, INT32_MIN, parse_choice, parse_int

PAGE = 100
JSON_DELAY = -10000
"""What TorchServe takes for max_batch_delay in a JSON body that does not name it: batches do not wait."""
NUMBERS = ("batch_size", "max_batch_delay", "initial_workers", "response_timeout", "startup_timeout")
TEXTS = ("url", "model_name", "workflow_name", "handler", "runtime")
SWITCHES = ("synchronous", "s3_sse_kms")
MOST_WORKERS = 1000
"""More of one model are a mistake, which would take the machine down with it."""


def given(call: Call) -> dict[str, Any]:
    """What a registration asks for: the members of its JSON body if it has that type, else its query.

    Raises BadJson.
    """
    if call.header(b"content-type").partition(";")[0].strip().lower() != "application/json":
        return call.query
    try:
        body = json.loads(call.body or b"{}")
    except ValueError as error:
        raise BadJson(f"The body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadJson("The body is not a JSON object.")
    members = {name: value for name, value in body.items() if value is not None}
    _check_types(members)
    return {"max_batch_delay": JSON_DELAY, **members}


def _check_types(members: Mapping[str, Any]) -> None:
    """Refuse members of wrong types, which TorchServe cannot read; a number or a word may be a text."""
    for name, value in members.items():
        if name in NUMBERS and optional(members, name) is None:
            raise BadJson(f"Expected an int but was {json.dumps(value)} at path $.{name}")
        if name in TEXTS and isinstance(value, (list, dict)):
            raise BadJson(f"Expected a string but was {json.dumps(value)} at path $.{name}")
        if name in SWITCHES and not isinstance(value, (bool, str)):
            raise BadJson(f"Expected a boolean but was {json.dumps(value)} at path $.{name}")


def page_asked(call: Call) -> tuple[int, int]:
    """Where a page of a list starts, and how much it holds at most, by the rules of TorchServe."""
    limit = integer(call.query, "limit", PAGE)
    return max(0, integer(call.query, "next_page_token", 0)), limit if 0 <= limit <= PAGE else PAGE


def optional(parameters: Mapping[str, Any], name: str) -> int | None:
    """A number; what is not one silently means that none is given, as TorchServe does."""
    try:
        return parse_int(parameters.get(name), INT32_MIN, INT32_MAX)
    except ValueError:
        return None


def one_of(parameters: Mapping[str, Any], name: str, *words: str) -> str | None:
    """One of the words, None where none is given; raises BadRequest for any other."""
    if name not in parameters:
        return None
    try:
        return parse_choice(parameters[name], *words)
    except ValueError:
        raise BadRequest(f"{name} must be one of: {', '.join(words)}.") from None


def integer(parameters: Mapping[str, Any], name: str, default: int) -> int:
    """A number, or the default."""
    value = optional(parameters, name)
    return default if value is None else value


def workers(parameters: Mapping[str, Any], name: str) -> int | None:
    """A number of workers; raises BadRequest for one that no machine has room for."""
    number = optional(parameters, name)
    if number is not None and number > MOST_WORKERS:
        raise BadRequest(f"{name} cannot exceed {MOST_WORKERS}.")
    return number
