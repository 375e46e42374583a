"""Models whose weights cannot fit into their GPUs' memory are refused with the numbers, before a worker starts."""

from dataclasses import replace
from pathlib import Path

import pytest

from handler.devices.device import CPU, Device
from handler.metrics.server_metrics import Metrics
from model_registry.archive.archive import Archive
from model_registry.archive.manifest import Manifest
from model_registry.archive.store import ModelStore
from model_registry.config import ModelConfig
from model_registry.errors import InsufficientMemory
from model_registry.loading.factory import ModelFactory
from model_registry.loading.gpu_memory_guard import check_gpu_memory
from model_registry.registration import Registration
from model_registry.server_defaults import ServerDefaults
from tests.conftest import MakeArchive

MIB = 1 << 20
GPUS = [Device("cuda", 0, "NVIDIA L4"), Device("cuda", 1, "NVIDIA L4"), CPU]
FREE = {0: 1000 * MIB, 1: 400 * MIB}
ONE = ModelConfig(min_workers=1, max_workers=1)


def sized(file: Path, mib: int) -> None:
    """A file of that size, which takes no space."""
    file.parent.mkdir(exist_ok=True)
    with file.open("wb") as out:
        out.truncate(mib * MIB)


def archive_of(folder: Path, mib: int) -> Archive:
    """An unpacked archive whose model has that size."""
    sized(folder / "model.pt", mib)
    return Archive("m.mar", Manifest(model_name="m", serialized_file="model.pt"), folder)


def test_weights_beyond_what_the_gpu_has_free_are_refused_with_the_numbers(tmp_path: Path) -> None:
    check_gpu_memory(archive_of(tmp_path, 1000), ONE, {}, GPUS, FREE.get)
    with pytest.raises(InsufficientMemory) as refusal:
        check_gpu_memory(archive_of(tmp_path, 1001), ONE, {}, GPUS, FREE.get)
    assert str(refusal.value).startswith(
        "Model m cannot fit into GPU memory: model.pt has 1,001 MiB, and GPU 0 (NVIDIA L4) has 1,000 MiB available. "
    )


def test_each_worker_needs_the_weights_on_its_gpu(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, 400)
    check_gpu_memory(archive, replace(ONE, min_workers=3), {}, GPUS, FREE.get)
    with pytest.raises(InsufficientMemory, match="400 MiB, for each of 2 workers, and GPU 1"):
        check_gpu_memory(archive, replace(ONE, min_workers=4), {}, GPUS, FREE.get)
    with pytest.raises(InsufficientMemory, match="401 MiB, and GPU 1"):
        check_gpu_memory(archive_of(tmp_path, 401), replace(ONE, device_ids=(1,)), {}, GPUS, FREE.get)


def test_processes_of_one_worker_share_the_weights(tmp_path: Path) -> None:
    group = replace(ONE, parallel_type="tp", parallel_level=2)
    assert group.ranks == 2
    check_gpu_memory(archive_of(tmp_path, 1400), group, {}, GPUS, FREE.get)
    with pytest.raises(InsufficientMemory, match="all 2 GPUs has 1,400 MiB"):
        check_gpu_memory(archive_of(tmp_path, 1401), group, {}, GPUS, FREE.get)


def test_a_folder_that_the_configuration_names_counts_in_the_format_that_is_loaded(tmp_path: Path) -> None:
    archive = Archive("m.mar", Manifest(model_name="m"), tmp_path)
    for name, mib in (("a.safetensors", 600), ("b.safetensors", 500), ("pytorch_model.bin", 2200)):
        sized(tmp_path / "weights" / name, mib)
    for key in ("model_path", "path"):
        with pytest.raises(InsufficientMemory, match="weights has 1,100 MiB"):
            check_gpu_memory(archive, ONE, {"handler": {key: "weights"}}, GPUS, FREE.get)
    for yaml in (None, {}, {"handler": {"path": "no folder"}}, {"handler": {"path": 7}}, {"handler": "text"}):
        check_gpu_memory(archive, ONE, yaml, GPUS, FREE.get)


def test_the_cpu_and_gpus_of_unknown_memory_refuse_nothing(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, 5000)
    check_gpu_memory(archive, ONE, {}, [CPU], FREE.get)
    check_gpu_memory(archive, replace(ONE, device_type="cpu"), {}, GPUS, FREE.get)
    check_gpu_memory(archive, ONE, {}, GPUS, lambda index: None)


@pytest.mark.parametrize(("free", "fits"), [(1, False), (64 * MIB, True)])
def test_a_registration_is_refused_before_a_worker_starts(
    store: Path, archive: MakeArchive, free: int, fits: bool
) -> None:
    archive("m", "def handle(data, context): pass\n", {"model.pt": b"weights"}, serializedFile="model.pt")
    defaults = ServerDefaults(available_gpu_memory=lambda index: free)
    factory = ModelFactory(ModelStore(store, ()), defaults, GPUS, Metrics(), print)
    if fits:
        factory.open(Registration("m.mar"))[0].remove()
    else:
        with pytest.raises(InsufficientMemory, match="Model m cannot fit into GPU memory"):
            factory.open(Registration("m.mar"))
