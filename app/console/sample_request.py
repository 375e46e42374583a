"""A request that a model is known to answer: the first of its warm-up, as the default of the page's predictions."""

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from app.model_server import ModelServer
from handler.job import Input
from handler.workers.warmup import WarmUpFailed, listed_requests
from model_registry.archive.archive import Archive
from model_registry.archive.model_yaml import load_model_config
from model_registry.errors import InvalidModel
from model_registry.version import ModelVersion

MAX_BYTES = 1 << 20
"""Larger samples are left out: the page shows them in a field."""
NO_CONTENT = 204


async def sample_request(request: Request) -> Response:
    """GET /console/samples/{model}: the body and the content type of a model's first warm-up request, if it has one."""
    registry, names = ModelServer.of(request.scope).registry, request.path_params
    version = registry.resolve(names["model_name"], names.get("model_version"))
    sample = await to_thread.run_sync(find_sample, version.archive) if isinstance(version, ModelVersion) else None
    if sample is None:
        return Response(status_code=NO_CONTENT)
    return Response(bytes(sample.parts[0].value), headers=dict([*sample.headers][:1]))


def find_sample(archive: Archive) -> Input | None:
    """The first request under `warmup` in model-config.yaml; None where there is none that a page can show. Blocks."""
    try:
        requests = listed_requests(load_model_config(archive), archive.folder)
    except (InvalidModel, WarmUpFailed):
        return None
    return requests[0] if requests and len(requests[0].parts[0].value) <= MAX_BYTES else None
