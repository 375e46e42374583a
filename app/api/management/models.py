"""Management of models over values: from parameters to descriptions and confirmations, for HTTP and for gRPC."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from app.api.management.description import Headers, customized_output, describe_version, metadata_of
from app.api.parameters import choice, integer, optional, page_bounds, workers
from app.errors import BadRequest
from handler.job import Output
from model_registry.registration import Registration
from model_registry.registry import Registry
from model_registry.version import ModelVersion

PROCESSING = "Processing worker updates..."
Parameters = Mapping[str, Any]


class Confirmation(NamedTuple):
    """A sentence that confirms a change; 202 is the status of one that is still under way."""

    text: str
    status: int = 200


class CustomizedDescription(NamedTuple):
    """A model's description with the metadata of its handler, whose output set status and headers."""

    models: list[dict[str, Any]]
    output: Output


def list_models(registry: Registry, parameters: Parameters) -> dict[str, Any]:
    """A page of the models' names and URLs."""
    models, following = registry.page(*page_bounds(parameters))
    listed = [{"modelName": model.name, "modelUrl": model.choose().archive.url} for model in models]
    return {"nextPageToken": None if following is None else str(following), "models": listed}


def describe_model(registry: Registry, name: str, version: str | None) -> list[dict[str, Any]]:
    """The description of the default version, of a named one, or of "all". Raises ModelNotFound, VersionNotFound."""
    model = registry.model(name)
    chosen = model.versions.values() if version == "all" else [model.choose(version)]
    return [_description(registry, each) for each in chosen]


async def describe_customized(
    registry: Registry, name: str, version: str | None, headers: Headers, request_id: str, *, case_known: bool = True
) -> CustomizedDescription:
    """The description of a version with the metadata that its handler adds. Raises NoWorkerToDescribe, too."""
    chosen = registry.resolve(name, version)
    output = await customized_output(chosen, headers, request_id, case_known)
    return CustomizedDescription(
        [{**_description(registry, chosen), "customizedMetadata": metadata_of(output.body)}], output
    )


async def register_model(registry: Registry, parameters: Parameters) -> Confirmation:
    """Register the archive at `url`. Raises BadRequest and the errors of Registry.register."""
    if "url" not in parameters:
        raise BadRequest("Parameter url is required.")
    wait = str(parameters.get("synchronous", "true")).lower() == "true"
    version = await registry.register(
        Registration(
            str(parameters["url"]),
            parameters.get("model_name") or None,
            parameters.get("handler") or None,
            parameters.get("runtime"),
            batch_size=optional(parameters, "batch_size"),
            max_batch_delay=optional(parameters, "max_batch_delay"),
            initial_workers=workers(parameters, "initial_workers"),
            response_timeout=optional(parameters, "response_timeout"),
            startup_timeout=optional(parameters, "startup_timeout"),
            isolation=choice(parameters, "isolation", "auto", "thread", "process"),
            wait=wait,
        )
    )
    count = version.config.min_workers
    if count > 0 and not wait:
        return Confirmation(PROCESSING, 202)
    advice = "" if count > 0 else ". Use scale workers API to add workers for the model."
    name, number = version.name, version.version
    return Confirmation(f'Model "{name}" Version: {number} registered with {max(0, count)} initial workers{advice}')


async def scale_workers(registry: Registry, name: str, version: str | None, parameters: Parameters) -> Confirmation:
    """Set a version's number of workers. Raises BadRequest, ModelNotFound, VersionNotFound, WorkersFailed."""
    given = workers(parameters, "min_worker")
    min_workers = 1 if given is None else given
    max_workers = integer(parameters, "max_worker", min_workers)
    if max_workers < min_workers:
        raise BadRequest("max_worker cannot be less than min_worker.")
    if min_workers < 0:
        raise BadRequest("min_worker cannot be negative.")
    number = version or parameters.get("model_version")
    wait = str(parameters.get("synchronous", "false")).lower() == "true"
    await registry.scale(registry.resolve(name, number), min_workers, max_workers, wait=wait)
    if not wait:
        return Confirmation(PROCESSING, 202)
    suffix = f", version: {number}" if number else ""
    return Confirmation(f"Workers scaled to {min_workers} for model: {name}{suffix}")


async def set_default(registry: Registry, name: str, version: str) -> Confirmation:
    """Make a version the default. Raises ModelNotFound, UnknownDefault, and RolloutConflict during a rollout."""
    registry.model(name).check_no_rollout()
    await registry.change_default(name, version)
    return Confirmation(f'Default version successfully updated for model "{name}" to "{version}"')


async def unregister_model(registry: Registry, name: str, version: str | None) -> Confirmation:
    """End a version. Raises ModelNotFound, VersionNotFound or InvalidVersionRemoval."""
    await registry.unregister(name, version)
    return Confirmation(f'Model "{name}" unregistered')


def _description(registry: Registry, version: ModelVersion) -> dict[str, Any]:
    return describe_version(version, at_startup=version.name in registry.startup_models)
