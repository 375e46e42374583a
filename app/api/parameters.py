"""The parameters of a request: from the query, or from a JSON body."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from anyio import to_thread
from starlette.requests import Request

from app.errors import BadJson, BadRequest, RequestError
from app.http.request import check_escapes
from app.http.scope import header, target
from model_registry.config import MAX_WORKERS
from model_registry.files.documents import MAX_BYTES, MAX_NUMBER_CHARACTERS, BeyondLimits
from model_registry.parsing import lenient_json
from model_registry.parsing.values import INT32_MAX, INT32_MIN, parse_choice, parse_int
from model_registry.server_defaults import JSON_MAX_BATCH_DELAY_MS

MAX_BYTES_ON_LOOP = 16 << 10
"""Longer bodies are parsed on a thread."""
PAGE_SIZE = 100
NUMBERS = ("batch_size", "max_batch_delay", "initial_workers", "response_timeout", "startup_timeout")
TEXTS = ("url", "model_name", "workflow_name", "handler", "runtime")
SWITCHES = ("synchronous", "s3_sse_kms")


def query_list(request: Request) -> list[tuple[str, str]]:
    """The query parameters in order, repeated ones included; semicolons separate them too. Raises BadEscape."""
    check_escapes(target(request.scope).decode("latin-1"))
    text = request.scope["query_string"].decode("latin-1")
    return [pair for piece in text.split(";") for pair in parse_qsl(piece, keep_blank_values=True)]


def query(request: Request) -> dict[str, str]:
    """The query parameters; the first of repeated ones wins. Raises BadEscape."""
    return dict(reversed(query_list(request)))


async def registration_parameters(request: Request) -> Mapping[str, Any]:
    """The members of a JSON body if the request has one, else its query. Raises BadJson."""
    is_json = header(request.scope, b"content-type").partition(";")[0].strip().lower() == "application/json"
    if not is_json or not (await request.body()).strip():  # many clients name the type of a body that is not there
        return query(request)
    members = {name: value for name, value in (await json_object(request, BadJson)).items() if value is not None}
    _check_types(members)
    texts = {name: _text(members[name]) for name in TEXTS if name in members}
    return {"max_batch_delay": JSON_MAX_BATCH_DELAY_MS, **members, **texts}


async def json_object(request: Request, invalid: type[RequestError] = BadRequest) -> dict[str, Any]:
    """The JSON object that a body holds, read leniently; {} where it is empty. Raises BadRequest, and `invalid`."""
    raw = await request.body()
    if len(raw) > MAX_BYTES:
        raise BadRequest(f"The body has more than {MAX_BYTES} bytes.")
    text = raw.decode("utf-8", "replace") or "{}"
    try:
        is_short = len(raw) <= MAX_BYTES_ON_LOOP
        body = lenient_json.loads(text) if is_short else await to_thread.run_sync(lenient_json.loads, text)
    except BeyondLimits as error:
        raise BadRequest(f"The body cannot be read: {error}.") from error
    except ValueError as error:
        raise invalid(f"The body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise invalid("The body is not a JSON object.")
    return body


def _text(value: object) -> str:
    """A string, or how JSON writes a number or a boolean."""
    return value if isinstance(value, str) else json.dumps(value)


def _check_types(members: Mapping[str, Any]) -> None:
    """Refuse members of wrong types, which TorchServe cannot read; a number or a boolean may be a string."""
    for name, value in members.items():
        if name in NUMBERS and optional(members, name) is None:
            raise BadJson(f"Expected an int but was {json.dumps(value)} at path $.{name}")
        if name in TEXTS and isinstance(value, (list, dict)):
            raise BadJson(f"Expected a string but was {json.dumps(value)} at path $.{name}")
        if name in SWITCHES and not isinstance(value, (bool, str)):
            raise BadJson(f"Expected a boolean but was {json.dumps(value)} at path $.{name}")


def page_bounds(parameters: Mapping[str, Any]) -> tuple[int, int]:
    """The start of a page of a list, and its size at most, by TorchServe's rules."""
    limit = integer(parameters, "limit", PAGE_SIZE)
    return max(0, integer(parameters, "next_page_token", 0)), limit if 0 <= limit <= PAGE_SIZE else PAGE_SIZE


def optional(parameters: Mapping[str, Any], name: str) -> int | None:
    """A number; anything else silently counts as not given, as in TorchServe. Raises BadRequest if it is too long."""
    text = parameters.get(name)
    if isinstance(text, str) and len(text) > MAX_NUMBER_CHARACTERS:
        raise BadRequest(f"{name} has more than {MAX_NUMBER_CHARACTERS} characters.")
    try:
        return parse_int(parameters.get(name), INT32_MIN, INT32_MAX)
    except ValueError:
        return None


def choice(parameters: Mapping[str, Any], name: str, *words: str) -> str | None:
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
    """A number of workers; raises BadRequest for more than MAX_WORKERS."""
    number = optional(parameters, name)
    if number is not None and number > MAX_WORKERS:
        raise BadRequest(f"{name} cannot exceed {MAX_WORKERS}.")
    return number
