"""Archives that declare their tensors, for the fronts of the Open Inference Protocol."""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

from handler.job import Input, Part
from handler.tensors.errors import TensorError
from model_registry.registry import Registry
from model_registry.traffic.input_request import InputRequest
from model_registry.version import ModelVersion

PLATFORM = "archive"
MICROSECONDS = 1000
"""Of a millisecond."""
Headers = Iterable[tuple[str, str]]
Body = Callable[[], Awaitable[bytes]]


async def find_tensors(
    registry: Registry, name: str, number: str | None, headers: Headers = (), client: str | None = None,
    body: Body | None = None,
) -> Any:  # fmt: skip
    """The version that answers a request of tensors, by its number or as traffic rules say.

    `body` is called only where there are rules, which may ask for a key in it. None where the archive declares no
    tensors. Raises ModelNotFound, VersionNotFound and TensorError.
    """
    version, traffic = await registry.find(name, number), registry.model(name).active_traffic
    if number is not None or traffic is None:
        return await tensors_of(version, headers)
    from model_registry.tensors.routed_version import RoutedVersion

    parts = () if body is None else (Part("body", "", await body()),)
    found = await tensors_of(traffic.choose(InputRequest(Input(parts, tuple(headers)), client)), headers)
    shadow = None
    if traffic.mirror is not None:
        with suppress(TensorError):  # a shadow that cannot be asked fails no request
            shadow = await tensors_of(traffic.mirror.shadow, headers)
    return None if found is None else RoutedVersion(found, traffic, shadow)


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


async def describe_config(version: ModelVersion) -> dict[str, Any]:
    """The configuration of a version in the JSON form of Triton's ModelConfig, without tensors where it declares none.

    Its batching and its workers are those of its model-config.yaml, as they are now. Raises TensorError.
    """
    found = await tensors_of(version)
    signature = found.model.signature if found is not None else None
    rows, config = signature.max_batch_size if signature is not None else 0, version.config
    batching = {
        "preferred_batch_size": [config.batch_size],
        "max_queue_delay_microseconds": round(config.max_batch_delay * MICROSECONDS),
    }
    return {
        "name": version.name,
        "platform": PLATFORM,
        "backend": "",
        "version_policy": {"all": {}},
        "max_batch_size": rows,
        "input": [_described(spec) for spec in signature.inputs.values()] if signature is not None else [],
        "output": [_described(spec) for spec in signature.outputs.values()] if signature is not None else [],
        **({"dynamic_batching": batching} if rows else {}),
        "instance_group": [
            {"name": version.name, "kind": "KIND_AUTO", "count": max(1, version.pool.ready_count), "gpus": []}
        ],
        "default_model_filename": version.archive.manifest.serialized_file or "",
        "parameters": {},
        "model_transaction_policy": {"decoupled": False},
    }


async def describe_statistics(version: ModelVersion) -> dict[str, Any]:
    """The statistics of a version's requests of tensors; raises TensorError where it declares none."""
    found = await declared_tensors(version)
    return {"name": version.name, "version": version.version, **found.model.statistics.described()}


async def declared_tensors(version: ModelVersion) -> Any:
    """The version for clients of tensors; raises TensorError for one that declares none, with the remedy."""
    found = await tensors_of(version)
    if found is None:
        raise TensorError(
            f"Model {version.name} declares no tensors: name them in its model-config.yaml under the key tensors, or "
            f"ask /predictions/{version.name}."
        )
    return found


def _described(spec: Any) -> dict[str, Any]:
    return {"name": spec.name, "data_type": spec.datatype.config_name, "dims": list(spec.dims)}
