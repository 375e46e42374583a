"""Triton's error codes as statuses of HTTP, and the responses that carry them."""

from app.http.responses import Headers, RawResponse
from app.open_inference.json_values import dump_json
from handler.tensors.errors import Code, TensorError

STATUSES = {
    Code.UNKNOWN: 400, Code.INTERNAL: 500, Code.NOT_FOUND: 404, Code.INVALID_ARG: 400, Code.UNAVAILABLE: 503,
    Code.UNSUPPORTED: 501, Code.ALREADY_EXISTS: 400, Code.CANCELLED: 400,
}  # fmt: skip
REASONS = {
    200: b"OK", 400: b"Bad Request", 401: b"Unauthorized", 403: b"Forbidden", 404: b"Not Found",
    405: b"Method Not Allowed", 500: b"Internal Server Error", 501: b"Not Implemented", 503: b"Service Unavailable",
}  # fmt: skip
JSON: Headers = ((b"content-type", b"application/json"),)
TEXT: Headers = ((b"content-type", b"text/plain"),)


def raw_json(value: object, status: int = 200) -> RawResponse:
    """A JSON response."""
    return RawResponse(status, dump_json(value), JSON, REASONS[status])


def raw_empty(status: int = 200, *, is_json: bool = False) -> RawResponse:
    """A response without a body."""
    return RawResponse(status, b"", JSON if is_json else TEXT, REASONS[status])


def raw_message(message: str, status: int, *, is_json: bool = True) -> RawResponse:
    """An error; Triton calls some of its JSON plain text."""
    return RawResponse(status, dump_json({"error": message}), JSON if is_json else TEXT, REASONS[status])


def raw_error(error: TensorError, *, is_json: bool | None = None) -> RawResponse:
    """The response to an error; one that a model gave is called plain text."""
    return raw_message(error.message, STATUSES[error.code], is_json=not error.is_late if is_json is None else is_json)
