"""The row that a handler sees of a request: its parts with TorchServe's types."""

import json
import logging
from collections.abc import Callable
from typing import Any

import orjson

from handler.job import Input, Part

LOG = logging.getLogger("marserve.rows")
SAMPLE_BYTES = 512
"""The beginning of a body, which shows its kind; the standard parser is as quick as any with less."""
MIN_COMMAS = SAMPLE_BYTES // 32
"""With as many commas in it a body is mostly numbers and small values: orjson is two to six times as fast then."""
SCAN: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined] # no stub has it
"""The core of `json.loads`: the value that begins at an index, and its end. The rest costs as much as a small body."""
NUMBER_SHAPE = bytes(48 if 48 <= code <= 57 else 46 if code in b".eE+" else 32 for code in range(256))
"""Translates a digit to "0", a character that makes a number a float to ".", and all others to spaces."""
BIG_INTEGER = b" " + b"0" * 19
"""The shape of an integer that may not fit 64 bits, of which orjson would silently make a float."""


def make_row(request: Input, decode: bool = True) -> dict[str, Any]:
    """The dict of one request: JSON parsed, text decoded, everything else a bytearray; later duplicates win."""
    if decode:
        return {part.name: decode_part(part) for part in request.parts}
    return {part.name: bytearray(part.value) for part in request.parts}


def decode_part(part: Part) -> Any:
    """One value by its MIME type, compared case-sensitively as TorchServe does; an undecodable one stays raw."""
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
    """The value that `json.loads` makes of UTF-8 text: NaN, big integers and lone surrogates included.

    Raises ValueError.
    """
    if value.count(b",", 0, SAMPLE_BYTES) >= MIN_COMMAS and BIG_INTEGER not in b" " + value.translate(NUMBER_SHAPE):
        try:
            return orjson.loads(value)
        except ValueError:
            pass  # NaN, Infinity and lone surrogates are JSON to Python alone
    text = value.decode()
    try:
        found, end = SCAN(text, 0)
    except StopIteration:  # the text begins with a space, or is no JSON
        return json.loads(text)
    return found if end == len(text) else json.loads(text)


def make_headers(request: Input, parts: bool = True) -> dict[str, Any]:
    """The dict of `context.get_all_request_header`: an entry for each part, then the headers by name; the last wins."""
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
