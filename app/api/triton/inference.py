"""Inference by models of repositories, where the server has no fast path."""

from starlette.requests import Request

from app.api.triton.routing import version_number
from app.http.responses import RawResponse
from app.model_server import ModelServer
from app.open_inference.infer_call import respond
from handler.job import Input
from model_registry.traffic.input_request import InputRequest


def routed(request: Request) -> InputRequest:
    """A request as traffic rules look at it, by its headers and its address."""
    return InputRequest(Input((), request.headers.items()), request.client.host if request.client else None)


async def infer(request: Request) -> RawResponse:
    """The one response of a model."""
    server, name, number = ModelServer.of(request.scope), request.path_params["model"], version_number(request)
    assert server.repositories is not None
    assert server.settings.triton is not None
    served = server.repositories.route(name, number, lambda: routed(request))
    regions, limit = server.live_settings.shared_memory, server.settings.max_request_size
    return await respond(request, served, regions, limit, server.settings.triton.http_forwarded)
