"""From a request's parts to the row that a handler sees, with TorchServe's types."""

import json
import logging
from collections.abc import Callable
from typing import Any

import orjson

from handler.job import Input, Part

LOG = logging.getLogger("marserve.rows")
SAMPLE = 512
"""Leading bytes that tell what a body is made of; the standard parser is as quick as any with less."""
COMMAS = SAMPLE // 32
"""Commas in them from which on a body is mostly numbers and small values, where orjson is two to four times as fast."""
LONG = 16 * SAMPLE
"""Bytes of a body from which on it may be mostly one long text, where orjson is three times as fast."""
TEXTS = 32
"""The texts that such a body has, at most, its keys included."""
SCAN: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined] # unstated
"""The core of `json.loads`: what begins at a place, and where it ends. The rest costs as much as a small body."""
SHAPES = bytes(48 if 48 <= code <= 57 else 46 if code in b".eE+" else 32 for code in range(256))
"""What a byte may be in a number: "0" for a digit, "." for what makes a float of it, " " for anything else."""
BIG_INTEGER = b" " + b"0" * 19
"""The shape of an integer that may not fit 64 bits, of which orjson would silently make a float."""


def make_row(request: Input, decode: bool = True) -> dict[str, Any]:
    """The dict of one request: JSON parsed, text decoded, everything else a bytearray; later duplicates win."""
    if decode:
        return {part.name: decode_part(part) for part in request.parts}
    return {part.name: bytearray(part.value) for part in request.parts}


def decode_part(part: Part) -> Any:
    """One value by its MIME type, compared case-sensitively as TorchServe does; what cannot be decoded stays raw."""
    if part.content_type == "application/json":
        try:
            return parse_json(part.value)
        except (ValueError, RecursionError):
            LOG.warning("A body declared as application/json is not JSON; the handler gets its bytes.")
    elif part.content_type.startswith("text"):
        try:
            return part.value.decode()
        except UnicodeDecodeError:
            LOG.warning("A body declared as %s is not UTF-8; the handler gets its bytes.", part.content_type)
    return bytearray(part.value)


def parse_json(value: bytes | bytearray) -> Any:
    """What `json.loads` makes of UTF-8 text: NaN, big integers and lone surrogates included. Raises ValueError."""
    if _suits_orjson(value):
        try:
            return orjson.loads(value)
        except ValueError:
            pass  # NaN, Infinity and lone surrogates are JSON to Python alone
    text = value.decode()
    try:
        found, end = SCAN(text, 0)
    except StopIteration:  # blanks come first, or nothing does
        return json.loads(text)
    return found if end == len(text) else json.loads(text)


def _suits_orjson(value: bytes | bytearray) -> bool:
    """Whether it is worth its start, and surely makes no float of an integer."""
    if value.count(b",", 0, SAMPLE) >= COMMAS:
        return BIG_INTEGER not in b" " + value.translate(SHAPES)
    if len(value) < LONG or b"\\" in value:
        return False
    rest = _between_texts(value)
    return rest is not None and BIG_INTEGER not in rest.translate(SHAPES)


def _between_texts(value: bytes | bytearray) -> bytes | None:
    """What stands between the texts of a document that escapes nothing; None where it has many."""
    pieces: list[bytes | bytearray] = [b""]
    at = 0
    for _ in range(TEXTS):
        begin = value.find(b'"', at)
        if begin < 0:
            return b" ".join([*pieces, value[at:]])
        pieces.append(value[at:begin])
        at = value.find(b'"', begin + 1) + 1
        if not at:
            return None
    return None


def make_headers(request: Input, parts: bool = True) -> dict[str, Any]:
    """What `context.get_all_request_header` shows: an entry for each part, then the headers by name; the last wins."""
    headers: dict[str, Any] = {} if request.case_preserved else FoldedHeaders()
    if parts:
        headers.update((part.name, {"content-type": part.content_type}) for part in request.parts)
    headers.update(request.headers)
    return headers


class FoldedHeaders(dict[str, Any]):
    """Headers whose case a server in front has folded: a look-up finds them however the handler spells them."""

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name if name in self.keys() else name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, str) and super().__contains__(name.lower()))

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401 - the rewrite would call itself
