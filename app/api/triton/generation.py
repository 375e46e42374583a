"""The generate extension for models of repositories."""

from starlette.requests import Request

from app.api.triton.inference import routed
from app.api.triton.repositories import repositories_of
from app.api.triton.routing import version_number
from app.http.responses import RawResponse, TorchServeResponse
from app.open_inference.generation import generate_events, generate_once
from model_registry.tensors.served_tensors import ServedTensors


async def generate(request: Request) -> RawResponse | TorchServeResponse:
    """Exactly one response, as JSON."""
    return await generate_once(_served(request), request)


async def generate_stream(request: Request) -> RawResponse | TorchServeResponse:
    """Any number of responses, as server-sent events."""
    return await generate_events(_served(request), request)


def _served(request: Request) -> ServedTensors:
    name, number = request.path_params["model"], version_number(request)
    return repositories_of(request).route(name, number, lambda: routed(request))
