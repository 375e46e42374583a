"""The statistics of models, as Triton's clients and perf_analyzer read them."""

from typing import Any

from starlette.requests import Request

from app.api.triton.repositories import repositories_of
from app.api.triton.routing import NEWEST, version_number
from app.http.responses import RawResponse
from app.open_inference.errors import raw_json
from handler.tensors.errors import TensorError
from model_registry.triton.model_states import Served
from model_registry.triton.repository_models import RepositoryModels


async def statistics(request: Request) -> RawResponse:
    """The statistics of a model's versions."""
    found = versions_of(repositories_of(request), request.path_params["model"], version_number(request))
    return raw_json({"model_stats": [statistics_of(each) for each in found]})


async def all_statistics(request: Request) -> RawResponse:
    """The statistics of all models."""
    return raw_json({"model_stats": [statistics_of(each) for each in all_versions(repositories_of(request))]})


def all_versions(repositories: RepositoryModels) -> list[Served]:
    """Every version that serves, by name and number."""
    models = sorted(repositories.states, key=lambda model: model.name)
    return [served for model in models for served in model.ready().values()]


def versions_of(repositories: RepositoryModels, name: str, number: int) -> list[Served]:
    """The versions of a model that serve, or the one of that number; raises TensorError."""
    model = repositories.states.get(name)
    ready = model.ready() if model is not None else {}
    if not ready:
        raise TensorError(f"requested model '{name}' is not available")
    if number == NEWEST:
        return list(ready.values())
    if number not in ready:
        raise TensorError(f"requested model version is not available for model '{name}'")
    return [ready[number]]


def statistics_of(served: Served) -> dict[str, Any]:
    """The statistics of a version, as clients read them."""
    return {"name": served.name, "version": served.version, **served.model.statistics.described()}
