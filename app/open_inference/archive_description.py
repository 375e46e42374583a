"""Archives as clients of model repositories describe models: a configuration, and statistics."""

from typing import Any

from app.open_inference.archives import tensors_of
from handler.tensors.errors import TensorError
from model_registry.version import ModelVersion

PLATFORM = "archive"
MICROSECONDS = 1000
"""Of a millisecond."""


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
