"""The statistics of models, as Triton's clients and perf_analyzer read them."""

from typing import Any

from starlette.requests import Request

from app.api.triton.repositories import repositories_of
from app.api.triton.routing import NEWEST, version_number
from app.http.responses import RawResponse
from app.open_inference.errors import raw_json
from handler.tensors.errors import TensorError
from handler.tensors.statistics import BatchStatistics, Duration, Statistics
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
    counted: Statistics = served.model.statistics
    return {
        "name": served.name,
        "version": served.version,
        "last_inference": counted.last_inference,
        "inference_count": counted.inference_count,
        "execution_count": counted.execution_count,
        "inference_stats": {
            "success": _duration(counted.success),
            "fail": _duration(counted.fail),
            "queue": _duration(counted.queue),
            **_compute(counted.compute),
            "cache_hit": _duration(counted.cache_hit),
            "cache_miss": _duration(counted.cache_miss),
        },
        "response_stats": {},
        "batch_stats": [{"batch_size": size, **_compute(batch)} for size, batch in sorted(counted.batches.items())],
        "memory_usage": [],
    }


def _compute(statistics: BatchStatistics) -> dict[str, Any]:
    return {
        "compute_input": _duration(statistics.compute_input),
        "compute_infer": _duration(statistics.compute_infer),
        "compute_output": _duration(statistics.compute_output),
    }


def _duration(duration: Duration) -> dict[str, int]:
    return {"count": duration.count, "ns": duration.nanoseconds}
