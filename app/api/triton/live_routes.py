"""Logging, tracing and shared memory over HTTP."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from app.api.triton.repositories import repositories_of
from app.http.responses import RawResponse
from app.model_server import ModelServer
from app.open_inference.errors import raw_empty, raw_json
from app.open_inference.json_values import internal, is_unsigned, parse_json
from app.open_inference.live_settings import LiveSettings
from handler.tensors.errors import Code, TensorError


def live_settings_of(request: Request) -> LiveSettings:
    """The settings that the clients of the server have made."""
    return ModelServer.of(request.scope).live_settings


async def logging(request: Request) -> RawResponse:
    """The log settings, after they have been changed as a POST says."""
    settings = live_settings_of(request)
    if request.method == "POST":
        settings.change_log(await _object(request))
    return raw_json(settings.log)


async def tracing(request: Request) -> RawResponse:
    """The trace settings of the server or of a model, after they have been changed as a POST says."""
    settings, model = live_settings_of(request), request.path_params["model"]
    if model is not None and not repositories_of(request).is_model_ready(model):
        raise TensorError(f"Request for unknown model : {model}")
    if request.method == "POST":
        settings.change_trace(model, await _object(request))
    return raw_json(settings.trace(model))


async def region_status(request: Request) -> RawResponse:
    """The registered regions, or one of them."""
    name = request.path_params["region"]
    if request.path_params["kind"] == "cuda":
        if name is not None:
            raise TensorError(f"Unable to find cuda shared memory region: '{name}'", Code.NOT_FOUND)
        return raw_json([])
    found = live_settings_of(request).shared_memory.status(name)
    return raw_json([region.described() for region in found])


async def register_region(request: Request) -> RawResponse:
    """Register a region of shared memory."""
    if request.path_params["kind"] == "cuda":
        raise TensorError("CUDA shared memory is not supported: register system shared memory")
    name = request.path_params["region"]
    if name is None:
        raise TensorError("'region name' is necessary to register system shared memory region")
    body = await _object(request)
    key = _field(body, "key")
    if not isinstance(key, str):
        raise internal("attempt to access JSON non-string as string")
    offset, size = body.get("offset", 0), _field(body, "byte_size")
    if not is_unsigned(offset) or not is_unsigned(size):
        raise internal("attempt to access JSON non-unsigned-integer as unsigned-integer")
    live_settings_of(request).shared_memory.register(name, key, offset, size)
    return raw_empty(is_json=True)


async def unregister_region(request: Request) -> RawResponse:
    """Forget a region, or all of them."""
    if request.path_params["kind"] == "system":
        live_settings_of(request).shared_memory.unregister(request.path_params["region"])
    return raw_empty(is_json=True)


def _field(body: Mapping[str, Any], name: str) -> Any:
    if name not in body:
        raise TensorError(f"Shared memory register request has no '{name}' field")
    return body[name]


async def _object(request: Request) -> dict[str, Any]:
    value = parse_json(await request.body())
    return value if isinstance(value, dict) else {}
