"""Answers as values: TorchServe's JSON texts, and a handler's output as it goes over the wire."""

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

from app.errors import Wire, reason
from handler.job import Output
from model_registry.reply import ResponseStream

Headers = tuple[tuple[bytes, bytes], ...]

JSON: Headers = ((b"content-type", b"application/json"),)
OWNED = {"x-request-id", "pragma", "cache-control", "expires", "content-length", "connection", "transfer-encoding"}
"""Headers that the server sets itself, over whatever a handler wants."""
UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Answer(NamedTuple):
    """A whole answer, or (with `stream`) the head of one whose pieces follow."""

    status: int
    body: bytes
    headers: Headers = ()
    reason: bytes = b""
    stream: ResponseStream | None = None
    bare: bool = False
    """Without the common headers, as TorchServe's 413 is."""


def json_text(value: Any) -> bytes:
    """The pretty-printed JSON of the server's own answers: two blanks, UTF-8, nulls left out, a newline at the end."""
    return (json.dumps(_without_nulls(value), indent=2, ensure_ascii=False) + "\n").encode()


def json_answer(value: Any, status: int = 200) -> Answer:
    """An answer of the server's own."""
    return Answer(status, json_text(value), JSON, reason(status).encode())


def status_answer(text: str, status: int = 200) -> Answer:
    """`{"status": text}`, which is how TorchServe confirms."""
    return json_answer({"status": text}, status)


@lru_cache(maxsize=256)
def error_answer(wire: Wire) -> Answer:
    """An error as clients of TorchServe know it; a handler that raises a "200" gets its word "error"."""
    if wire.status == 200:
        return Answer(200, b"error")
    return json_answer({"code": wire.status, "type": wire.type, "message": wire.message}, wire.status)


def output_answer(given: Output | ResponseStream) -> Answer:
    """What a handler answered: its bytes, status, phrase and headers, with no content type but its own."""
    output, stream = (given.first, given) if isinstance(given, ResponseStream) else (given, None)
    if not output.headers and not output.phrase:
        return Answer(output.status, output.body, stream=stream)
    return Answer(output.status, output.body, _sendable(output.headers), _clean(output.phrase), stream)


def _sendable(headers: tuple[tuple[str, str], ...]) -> Headers:
    sent = {
        name.lower(): (name.encode(), _clean(value))
        for name, value in headers
        if NAME.fullmatch(name) and name.lower() not in OWNED
    }
    return tuple(sent.values())  # of one that comes in two spellings, the last


def _clean(text: str) -> bytes:
    """Header bytes stand for the signs of Latin-1, as in requests: what came in goes out again; others are UTF-8."""
    plain = UNSENDABLE.sub("", text)
    try:
        return plain.encode("latin-1")
    except UnicodeEncodeError:
        return plain.encode("utf-8", "replace")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
