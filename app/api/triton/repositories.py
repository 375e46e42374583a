"""The repository API: its index, loading and unloading."""

import base64
import binascii
from typing import Any

from starlette.requests import Request

from app.http.responses import RawResponse
from app.model_server import ModelServer
from app.open_inference.errors import raw_empty, raw_json
from app.open_inference.json_values import internal, parse_json
from app.settings.triton import TritonSettings
from handler.tensors.errors import Code, TensorError
from model_registry.triton.repository import Override
from model_registry.triton.repository_models import RepositoryModels

FILE = "file:"


def repositories_of(request: Request) -> RepositoryModels:
    """The models of repositories of the server that answers a request."""
    repositories = ModelServer.of(request.scope).repositories
    assert repositories is not None, "routes of Triton are there only where repositories are"
    return repositories


def triton_settings(request: Request) -> TritonSettings:
    """The settings of repositories of the server that answers a request."""
    settings = ModelServer.of(request.scope).settings.triton
    assert settings is not None, "routes of Triton are there only where repositories are"
    return settings


async def index(request: Request) -> RawResponse:
    """The models of the repositories with their states."""
    body = await _object(request)
    only_ready = body.get("ready", False)
    if not isinstance(only_ready, bool):
        raise internal("attempt to access JSON non-boolean as boolean")
    return raw_json([described(entry) for entry in repositories_of(request).index(only_ready=only_ready)])


def described(entry: Any) -> dict[str, str]:
    """A line of the index; what is empty is left out."""
    return {key: value for key, value in entry._asdict().items() if value}


async def load(request: Request) -> RawResponse:
    """Load a model; the answer comes when it serves."""
    _check_repository(request)
    parameters = (await _object(request)).get("parameters", {})
    if not isinstance(parameters, dict):
        raise internal("attempt to get members for non-object")
    override = _override(parameters)
    await repositories_of(request).load_model(request.path_params["model"], override)
    return raw_empty(is_json=True)


async def unload(request: Request) -> RawResponse:
    """Unload a model; the answer comes at once."""
    _check_repository(request)
    parameters = (await _object(request)).get("parameters")
    dependents = parameters.get("unload_dependents") if isinstance(parameters, dict) else None
    await repositories_of(request).unload_model(request.path_params["model"], unload_dependents=dependents is True)
    return raw_empty(is_json=True)


def _check_repository(request: Request) -> None:
    if request.path_params["repository"] is not None:
        raise TensorError("'repository_name' specification is not supported", Code.UNSUPPORTED)


async def _object(request: Request) -> dict[str, Any]:
    body = await request.body()
    value = parse_json(body) if body else {}
    return value if isinstance(value, dict) else {}


def _override(parameters: dict[str, Any]) -> Override | None:
    if not parameters:
        return None
    files = {}
    for name, value in parameters.items():
        if not isinstance(value, str):
            raise internal("attempt to access JSON non-string as string")
        if name != "config" and not name.startswith(FILE):
            raise internal("unexpected error on creating Triton parameter")
        if name != "config":
            files[name.removeprefix(FILE)] = _decoded(value)
    return Override(parameters.get("config", ""), files)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise internal(f"failed to decode the content of a file: {error}") from error
