"""Refuses models whose weights certainly do not fit into the memory of the GPUs that their workers would have."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from handler.devices.device import Device, assign_device
from model_registry.archive.archive import Archive
from model_registry.config import ModelConfig
from model_registry.errors import InsufficientMemory

WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
"""The formats, in the order in which loaders prefer them."""

AvailableMemory = Callable[[int], int | None]
"""The bytes that are available on the GPU of an index; None where that is unknown."""


def check_gpu_memory(
    archive: Archive, config: ModelConfig, yaml: object, devices: Sequence[Device], available: AvailableMemory
) -> None:
    """Raise InsufficientMemory if the workers with which the model starts cannot have its weights on their GPUs.

    The weights are the serialized file, or the folder that `handler.model_path` or `handler.path` of `yaml`, the
    content of model-config.yaml, names. Each worker loads them; with torchrun the processes of a worker share them.
    """
    weights, workers = _weights(archive, yaml), max(1, config.min_workers)
    if weights is None or devices[0].kind != "cuda" or config.device_type == "cpu":
        return
    assigned = [assign_device(index, devices, config.device_ids, config.device_type) for index in range(workers)]
    path, size = weights
    name = archive.manifest.model_name
    if config.ranks:
        found = [available(device.index or 0) for device in devices if device.kind == "cuda"]
        if None not in found and size > sum(filter(None, found)):
            raise InsufficientMemory(_message(name, path, size, 1, f"all {len(found)} GPUs", sum(filter(None, found))))
        return
    for device, count in Counter(assigned).items():
        free = available(device.index or 0)
        if free is not None and size * count > free:
            raise InsufficientMemory(_message(name, path, size, count, f"GPU {device.index} ({device.name})", free))


def _weights(archive: Archive, yaml: object) -> tuple[Path, int] | None:
    """Where the weights are, and their bytes."""
    if archive.serialized_file is not None:
        return archive.serialized_file, archive.serialized_file.stat().st_size
    for named in _folders(yaml):
        folder = archive.folder / named
        if folder.is_dir():
            sizes = [sum(file.stat().st_size for file in folder.glob(f"*{suffix}")) for suffix in WEIGHT_SUFFIXES]
            return next(((folder, size) for size in sizes if size), None)  # some folders have several formats
    return None


def _folders(yaml: object) -> Iterator[str]:
    handler: Any = yaml.get("handler") if isinstance(yaml, dict) else None
    for key in ("model_path", "path"):
        if isinstance(handler, dict) and isinstance(handler.get(key), str):
            yield handler[key]


def _message(name: str | None, path: Path, size: int, count: int, where: str, free: int) -> str:
    each = f", for each of {count} workers" if count > 1 else ""
    return (
        f"Model {name} cannot fit into GPU memory: {path.name} has {_mib(size)}{each}, and {where} has {_mib(free)} "
        "available. Unregister other models, start fewer workers, choose others by deviceIds or deviceType in "
        "model-config.yaml, or set check_memory=false to load the model all the same."
    )


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
