"""Messages of inference on the wire: raw tensors are views of what was received, and are joined once when sent.

protobuf would copy each of them into a string of its own; small ones are cheaper that way.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from app.grpc.messages import TRITON, message
from handler.tensors.tensor import Raw

Request = message(TRITON, "ModelInferRequest")
Response = message(TRITON, "ModelInferResponse")
StreamResponse = message(TRITON, "ModelStreamInferResponse")
SMALL_BYTES = 16_384
"""Up to this size protobuf parses a whole message, and joins it."""
BYTES_KIND = 2
RAW_INPUT = 7 << 3 | BYTES_KIND
RAW_OUTPUT = bytes([6 << 3 | BYTES_KIND])
STREAM_RESPONSE = bytes([2 << 3 | BYTES_KIND])
FIXED_SIZES = {1: 8, 5: 4}


class InferMessage(NamedTuple):
    """A request or response of inference, and its raw tensors, which are not among its fields."""

    fields: Any
    raw: Sequence[Raw] = ()


class StreamMessage(NamedTuple):
    """One message of a stream: a response, or an error."""

    response: InferMessage
    error: str = ""


def read_request(data: bytes) -> InferMessage:
    """The request in a message; raises ValueError for one that is none."""
    if len(data) <= SMALL_BYTES:
        fields = Request.FromString(data)
        return InferMessage(fields, list(fields.raw_input_contents))
    others, raw = _parted(data)
    return InferMessage(Request.FromString(b"".join(others)), raw)


def write_response(response: InferMessage) -> bytes:
    """The bytes of a response."""
    return b"".join(_pieces(response))


def write_stream_response(message: StreamMessage) -> bytes:
    """The bytes of a message of a stream."""
    pieces = list(_pieces(message.response))
    size = sum(memoryview(piece).nbytes for piece in pieces)
    head = StreamResponse(error_message=message.error).SerializeToString() if message.error else b""
    return b"".join([head, STREAM_RESPONSE, _varint(size), *pieces])


def _pieces(response: InferMessage) -> Iterator[Raw]:
    yield response.fields.SerializeToString()
    for raw in response.raw:
        view = memoryview(raw).cast("B")
        yield RAW_OUTPUT + _varint(view.nbytes)
        yield view


def _parted(data: bytes) -> tuple[list[memoryview], list[Raw]]:
    """The raw tensors, and all that is around them."""
    view, end = memoryview(data), len(data)
    others: list[memoryview] = []
    raw: list[Raw] = []
    at = kept = 0
    while at < end:
        start = at
        key, at = _read_varint(data, at)
        kind = key & 7
        if kind == BYTES_KIND:
            size, at = _read_varint(data, at)
            if key == RAW_INPUT:
                others.append(view[kept:start])
                raw.append(view[at : at + size])
                kept = at + size
            at += size
        elif kind in FIXED_SIZES:
            at += FIXED_SIZES[kind]
        elif kind == 0:
            _, at = _read_varint(data, at)
        else:
            raise ValueError("a group is no field of a request")
    if at > end:
        raise ValueError("the message is shorter than it says")
    return [*others, view[kept:]], raw


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and the place behind it."""
    number = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a number has no end")
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    made.append(number)
    return bytes(made)
