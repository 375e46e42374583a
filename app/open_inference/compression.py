"""Compressed bodies: of requests, and of responses to inference."""

import gzip
import zlib
from collections.abc import Sequence

from handler.tensors.errors import Code, TensorError
from handler.tensors.tensor import Raw

ENCODINGS = ("gzip", "deflate")
ANY_HEADER = 32 + zlib.MAX_WBITS
"""Has zlib recognize gzip's header and its own."""
LEVEL = 6


def decompressed(body: bytes | bytearray, encoding: str, limit: int) -> bytes | bytearray:
    """The body as it was before; an empty one where it is not what it says. Raises TensorError beyond the limit."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ENCODINGS:
        raise TensorError("Unsupported compression type", Code.UNSUPPORTED)
    stream = zlib.decompressobj(ANY_HEADER)
    try:
        plain = stream.decompress(body, limit)
    except zlib.error:
        return b""
    if stream.unconsumed_tail:
        raise TensorError(f"the decompressed body exceeds {limit} bytes")
    return plain


def accepted_encoding(header: str) -> str:
    """The encoding of a response that a client likes best, "" for none: the highest q, the first of equal ones."""
    best, chosen = 0.0, ""
    for entry in header.split(","):
        name, _, parameters = entry.partition(";")
        quality = _quality(parameters)
        if name.strip().lower() in ENCODINGS and quality > best:
            best, chosen = quality, name.strip().lower()
    return chosen


def compressed(pieces: Sequence[Raw], encoding: str) -> bytes:
    """The pieces of a body, compressed as one."""
    body = b"".join(pieces)
    return gzip.compress(body, LEVEL) if encoding == "gzip" else zlib.compress(body, LEVEL)


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
