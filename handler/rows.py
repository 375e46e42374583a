"""From a request's parts to the row that a handler sees, with TorchServe's types."""

import json
import logging
from typing import Any

import orjson

from handler.job import Input, Part

LOG = logging.getLogger("marserve.rows")
SMALL = 512
"""Bytes below which the standard parser is as quick as any."""
BIG_INTEGER = b"0" * 19
"""A run of digits, each of them shown as 0, that may not fit 64 bits; orjson would silently make a float of it."""
DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
"""Shows them so: a search for 19 equal bytes takes a twentieth of the time of one for 19 digits."""


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


def parse_json(value: bytes) -> Any:
    """What `json.loads` makes of UTF-8 text: NaN, big integers and lone surrogates included. Raises ValueError."""
    if len(value) > SMALL and BIG_INTEGER not in value.translate(DIGITS):
        try:
            return orjson.loads(value)
        except ValueError:
            pass  # NaN, Infinity and lone surrogates are JSON to Python alone
    return json.loads(value.decode())


def make_headers(request: Input, parts: bool = True) -> dict[str, Any]:
    """What `context.get_all_request_header` shows: an entry for each part, then the headers by name; the last wins."""
    headers: dict[str, Any] = {} if request.case_known else FoldedHeaders()
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
