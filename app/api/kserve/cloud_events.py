"""CloudEvents around predictions: in headers (binary mode), or as the body (structured mode), as Knative sends both."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from app.http.request import new_request_id
from app.http.responses import Headers

STRUCTURED = "application/cloudevents+json"
REQUIRED_HEADERS = (b"ce-specversion", b"ce-id", b"ce-source", b"ce-type")
REQUIRED_MEMBERS = {"specversion", "id", "source", "type", "time", "data"}
RESPONSE_TYPE = "io.kserve.inference.response"


def is_binary(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request is an event whose attributes are headers."""
    return all(name in headers for name in REQUIRED_HEADERS)


def is_structured(value: Any) -> bool:
    """Whether a body is an event."""
    return isinstance(value, dict) and value.keys() >= REQUIRED_MEMBERS


def response_attributes(model: str) -> dict[str, str]:
    """The attributes of the event that a prediction becomes."""
    return {
        "specversion": "1.0",
        "id": new_request_id(),
        "source": f"io.kserve.inference.{model}",
        "type": RESPONSE_TYPE,
        "time": datetime.now(UTC).isoformat(),
    }


def binary_headers(model: str) -> Headers:
    """The attributes as headers."""
    return tuple((f"ce-{name}".encode(), text.encode()) for name, text in response_attributes(model).items())


def structured_body(model: str, body: bytes) -> bytes:
    """A prediction, which is JSON, as the data of an event."""
    return orjson.dumps({**response_attributes(model), "data": orjson.Fragment(body)})
