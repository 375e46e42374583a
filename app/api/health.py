"""The server's side of KServe's Open Inference Protocol: its metadata, its liveness, and its readiness."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from app.api.contract import Contract
from app.api.routing import ApiRoute
from app.http.responses import json_response
from app.model_server import ModelServer
from app.replicas.following import describe_state

METADATA = {"name": "Torchserve", "version": "0.12.0", "extenstion": ["kserve", "kubeflow"]}  # sic
NO_VERSIONS = {"error": "Model versioning is not yet supported."}


async def live(request: Request) -> Response:
    """Whether a restart would help."""
    return _health("live", ModelServer.of(request.scope).registry.is_within_hung_limit)


async def ready(request: Request) -> Response:
    """Whether the start-up models have loaded."""
    server = ModelServer.of(request.scope)
    is_ready = server.registry.is_ready and (server.repositories is None or server.repositories.is_ready)
    return _health("ready", is_ready, describe_state(server.registry, server.settings))


async def metadata(request: Request) -> Response:
    """The server, as TorchServe describes itself."""
    return json_response(METADATA)


async def always_live(request: Request) -> Response:
    """TorchServe lives whatever its models do."""
    return json_response({"live": True})


async def always_ready(request: Request) -> Response:
    """TorchServe is ready whatever its models do."""
    return json_response({"ready": True})


async def no_versions(request: Request) -> Response:
    """TorchServe serves no versions under these paths."""
    return json_response(NO_VERSIONS, 501)


def _health(word: str, is_so: bool, more: Mapping[str, object] | None = None) -> Response:
    return json_response({word: is_so, **(more or {})}, 200 if is_so else 503)


routes = [
    ApiRoute("/v2/health/live", live, contract=Contract("Object")),
    ApiRoute("/v2/health/ready", ready, contract=Contract("Object")),
]
"""The probes of a platform, answered truthfully, where marserve serves all APIs on one port."""
torchserve_routes = [
    ApiRoute("/v2", metadata),
    ApiRoute("/v2/health/live", always_live),
    ApiRoute("/v2/health/ready", always_ready),
    ApiRoute("/v2/models/{model_name}/versions/{remaining:path}", no_versions),
]
"""The addition of ts_open_inference_protocol."""
