"""Responses in KServe's forms: compact JSON, and errors under one key."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.errors import RequestError, describe_error
from app.http.responses import JSON, RawResponse, TorchServeResponse
from handler.errors import HandlerError
from handler.tensors.errors import TensorError
from model_registry.errors import RegistryError

Endpoint = Callable[[Request], Awaitable[Response]]


def json_response(value: Any, status: int = 200) -> TorchServeResponse:
    """A value as JSON."""
    return TorchServeResponse(RawResponse(status, orjson.dumps(value), JSON))


def answering_errors(endpoint: Endpoint) -> Endpoint:
    """The endpoint, whose errors are answered as KServe does: {"error": text}, with the status of the table."""

    @wraps(endpoint)
    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except (RequestError, RegistryError, HandlerError, TensorError) as error:
            described = describe_error(error)
            return json_response({"error": described.message}, described.status)

    return answered
