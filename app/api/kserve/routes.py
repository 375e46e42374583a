"""The routes of a runtime of KServe: its own, which precede those of TorchServe's inference API on the same port."""

from starlette.requests import Request
from starlette.responses import Response

from app.api.kserve.models import KServeModels
from app.api.kserve.prediction import explain, explain_tensors, infer, predict
from app.api.kserve.responses import answering_errors, json_response
from app.api.routing import ApiRoute
from app.errors import ModelNotReady
from app.model_server import ModelServer
from app.release import version

EXTENSIONS = ["binary_tensor_data"]


async def alive(request: Request) -> Response:
    """The process answers."""
    return json_response({"status": "alive"})


async def models(request: Request) -> Response:
    """The names of all models, loaded or not."""
    return json_response({"models": _models(request).names()})


@answering_errors
async def model_ready(request: Request) -> Response:
    """Whether a model serves: 503 if it does not."""
    name, number = request.path_params["model_name"], request.path_params.get("model_version")
    if not _models(request).is_ready(name, number):
        raise ModelNotReady(name)
    return json_response({"name": name, "ready": True})


@answering_errors
async def model_metadata(request: Request) -> Response:
    """The versions of a model; of its tensors an archive says nothing."""
    name = request.path_params["model_name"]
    described = {"name": name, "versions": _models(request).versions(name), "platform": "", "inputs": [], "outputs": []}
    return json_response(described)


async def server_metadata(request: Request) -> Response:
    """The name of the server, and what it can do."""
    return json_response({"name": "marserve", "version": version(), "extensions": EXTENSIONS})


async def live(request: Request) -> Response:
    """Whether a restart would help."""
    is_live = ModelServer.of(request.scope).registry.is_within_hung_limit
    return json_response({"live": is_live}, 200 if is_live else 503)


async def ready(request: Request) -> Response:
    """Whether all configured models serve."""
    found = _models(request)
    is_ready = ModelServer.of(request.scope).registry.is_ready and all(map(found.is_ready, found.names()))
    return json_response({"ready": is_ready}, 200 if is_ready else 503)


def _models(request: Request) -> KServeModels:
    return KServeModels(ModelServer.of(request.scope))


_FIRST = "/v1/models/(?P<model_name>[^/:]+)"
routes = [
    ApiRoute("/", alive, "GET", "HEAD"),
    ApiRoute("/v1/models", models, "GET"),
    ApiRoute("/v1/models/{model_name}:predict", predict, "POST", pattern=f"{_FIRST}:predict"),
    ApiRoute("/v1/models/{model_name}:explain", explain, "POST", pattern=f"{_FIRST}:explain"),
    ApiRoute("/v1/models/{model_name}", model_ready, "GET", pattern=_FIRST),
    ApiRoute("/v2", server_metadata, "GET"),
    ApiRoute("/v2/health/live", live, "GET"),
    ApiRoute("/v2/health/ready", ready, "GET"),
    ApiRoute("/v2/models", models, "GET"),
    ApiRoute("/v2/models/{model_name}", model_metadata, "GET"),
    ApiRoute("/v2/models/{model_name}/ready", model_ready, "GET"),
    ApiRoute("/v2/models/{model_name}/infer", infer, "POST"),
    ApiRoute("/v2/models/{model_name}/explain", explain_tensors, "POST"),
    ApiRoute("/v2/models/{model_name}/versions/{model_version}", model_metadata, "GET"),
    ApiRoute("/v2/models/{model_name}/versions/{model_version}/ready", model_ready, "GET"),
    ApiRoute("/v2/models/{model_name}/versions/{model_version}/infer", infer, "POST"),
]
