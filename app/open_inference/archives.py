"""Archives that declare their tensors, for the fronts of the Open Inference Protocol."""

from collections.abc import Iterable
from typing import Any

from handler.job import Input
from model_registry.registry import Registry
from model_registry.traffic.input_request import InputRequest
from model_registry.version import ModelVersion

Headers = Iterable[tuple[str, str]]


async def find_tensors(
    registry: Registry, name: str, number: str | None, headers: Headers = (), client: str | None = None
) -> Any:
    """The version that answers a request of tensors, by its number or as traffic rules say.

    None where the archive declares no tensors. Raises ModelNotFound, VersionNotFound and TensorError.
    """
    version, traffic = await registry.find(name, number), registry.model(name).traffic
    if number is not None or traffic is None:
        return await tensors_of(version, headers)
    from model_registry.tensors.routed_version import RoutedVersion

    found = await tensors_of(traffic.choose(InputRequest(Input((), headers), client)), headers)
    return None if found is None else RoutedVersion(found, traffic)


async def tensors_of(version: ModelVersion, headers: Headers = ()) -> Any:
    """A version for clients of tensors, None where it declares none; raises TensorError."""
    if version.config.tensors is None:
        return None
    from model_registry.tensors.archive_tensors import archive_tensors  # numpy comes with it

    return await archive_tensors(version, headers)


async def describe_tensors(version: ModelVersion) -> dict[str, list[dict[str, Any]]]:
    """The inputs and outputs of a version in the form of metadata; none, where it declares none. Raises TensorError."""
    found = await tensors_of(version)
    if found is None:
        return {"inputs": [], "outputs": []}
    signature = found.model.signature
    batch = [-1] if signature.max_batch_size else []
    return {
        key: [
            {"name": spec.name, "datatype": spec.datatype.name, "shape": [*batch, *spec.dims]}
            for spec in specs.values()
        ]
        for key, specs in (("inputs", signature.inputs), ("outputs", signature.outputs))
    }
