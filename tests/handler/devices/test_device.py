"""Which devices there are, which were asked for, and which worker gets which."""

import ctypes
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from handler.devices.cuda_driver import CudaError, Gpu, cuda_gpus
from handler.devices.device import (
    CPU,
    Device,
    Finding,
    assign_device,
    find_cuda,
    find_devices,
    find_mps,
    installed_providers,
)
from handler.devices.torch_build import TorchBuild, torch_build

GPUS = tuple(Device("cuda", index, "NVIDIA H200", 139 << 30) for index in range(3))
MPS = Device("mps", None, "Apple silicon", 16 << 30)

Probes = Mapping[str, Callable[[], Finding]]


def machine(*devices: Device, wasted: str = "") -> Probes:
    """The probes of a machine with these GPUs, or with one that nothing can use."""
    found = {kind: tuple(device for device in devices if device.kind == kind) for kind in ("cuda", "mps")}
    return {
        "cuda": lambda: Finding(found["cuda"], "" if found["cuda"] else wasted or "no driver", bool(wasted)),
        "mps": lambda: Finding(found["mps"], "" if found["mps"] else "no Mac"),
    }


@pytest.mark.parametrize(
    ("asked", "there", "chosen"),
    [
        ("", GPUS, [*GPUS, CPU]),
        ("", (MPS,), [MPS, CPU]),
        ("", (), [CPU]),
        ("cuda", GPUS, [*GPUS, CPU]),
        ("cuda:1", GPUS, [GPUS[1], CPU]),
        (" MPS ", (MPS,), [MPS, CPU]),
        ("cpu", GPUS, [CPU]),
    ],
)
def test_the_best_devices_or_those_asked_for_are_taken_without_a_word(
    asked: str, there: tuple[Device, ...], chosen: list[Device], caplog: pytest.LogCaptureFixture
) -> None:
    assert find_devices({"TORCH_DEVICE": asked}, probes=machine(*there)) == chosen
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("asked", "there", "chosen", "warning"),
    [
        ("cuda", (MPS,), [MPS, CPU], "TORCH_DEVICE asks for cuda; there is mps (Apple silicon), cpu. no driver"),
        ("mps", (), [CPU], "TORCH_DEVICE asks for mps; there is cpu. no Mac"),
        ("cuda:7", GPUS[:1], [GPUS[0], CPU], "TORCH_DEVICE asks for cuda:7; there is cuda:0 (NVIDIA H200), cpu. "),
        ("gpu", (), [CPU], "TORCH_DEVICE is 'gpu'; it may be cuda, cuda:0, mps or cpu, and counts for nothing now"),
    ],
)
def test_a_missing_device_falls_back_to_the_next_with_one_warning(
    asked: str, there: tuple[Device, ...], chosen: list[Device], warning: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It says what was asked for, what there is, and why."""
    assert find_devices({"TORCH_DEVICE": asked}, probes=machine(*there)) == chosen
    assert caplog.messages == [warning]


def test_a_gpu_that_nothing_installed_can_use_is_warned_of_unasked(caplog: pytest.LogCaptureFixture) -> None:
    assert find_devices({}, probes=machine(wasted="torch is built without CUDA")) == [CPU]
    assert caplog.messages == ["A GPU stays idle; there is cpu. torch is built without CUDA"]


def test_number_of_gpu_bounds_the_gpus_and_zero_takes_them_all_away() -> None:
    assert find_devices({}, 2, machine(*GPUS)) == [*GPUS[:2], CPU]
    assert find_devices({}, 9, machine(*GPUS)) == [*GPUS, CPU]
    assert find_devices({}, 0, machine(*GPUS)) == [CPU]


def test_workers_are_dealt_over_the_gpus_in_turn() -> None:
    devices = [*GPUS, CPU]
    assert [assign_device(worker, devices).gpu_id for worker in range(5)] == [0, 1, 2, 0, 1]
    assert [assign_device(worker, devices, [2, 1]).gpu_id for worker in range(3)] == [2, 1, 2]


def test_a_model_may_ask_for_the_cpu() -> None:
    assert assign_device(0, [*GPUS, CPU], device_type="cpu") is CPU
    assert assign_device(0, [*GPUS, CPU], device_type="gpu") is GPUS[0]
    assert assign_device(3, [CPU], device_type="gpu") is CPU


def test_device_ids_that_no_gpu_has_do_not_count_and_are_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    assert [assign_device(worker, [*GPUS[:2], CPU], [0, 5]).gpu_id for worker in range(3)] == [0, 1, 0]
    assert caplog.messages == ["deviceIds [0, 5] do not count: there is cuda:0 (NVIDIA H200), cuda:1 (NVIDIA H200)"]


@pytest.mark.parametrize(
    ("device", "gpu_id", "torch_name"), [(GPUS[1], 1, "cuda:1"), (MPS, 0, "mps"), (CPU, None, "cpu")]
)
def test_a_device_knows_what_handlers_and_torch_call_it(device: Device, gpu_id: int | None, torch_name: str) -> None:
    assert (device.gpu_id, device.torch_name) == (gpu_id, torch_name)


def test_onnx_runtime_is_offered_only_what_it_has() -> None:
    """Every build has the CPU; a GPU provider comes first, with the number of its device."""
    assert CPU.onnx_providers() == ["CPUExecutionProvider"]
    *gpu, cpu = GPUS[1].onnx_providers()
    has_cuda = "CUDAExecutionProvider" in installed_providers()
    assert (gpu, cpu) == ([("CUDAExecutionProvider", {"device_id": 1})] if has_cuda else [], "CPUExecutionProvider")


def test_looking_for_devices_does_not_import_torch() -> None:
    code = (
        "import sys; from handler.devices.device import find_devices; find_devices({}); print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.skipif(sys.platform == "darwin", reason="about other machines than Macs")
def test_mps_is_for_macs() -> None:
    assert find_mps() == Finding(reason="this is no Mac with Apple silicon")


def test_gpus_count_where_torch_is_built_for_them() -> None:
    found = find_cuda(lambda: [Gpu("NVIDIA H200", 139 << 30)], lambda: TorchBuild("2.13.0+cu130", "13.0"))
    assert found == Finding(GPUS[:1])


@pytest.mark.skipif("CUDAExecutionProvider" in installed_providers(), reason="ONNX Runtime could use the GPU")
@pytest.mark.parametrize(("build", "word"), [(None, "no torch"), (TorchBuild("2.13.0+cpu"), "built without CUDA")])
def test_gpus_are_wasted_where_nothing_is_built_for_them(build: TorchBuild | None, word: str) -> None:
    found = find_cuda(lambda: [Gpu("NVIDIA H200", 139 << 30)], lambda: build)
    assert (found.devices, found.wasted) == ((), True)
    assert word in found.reason


class FakeDriver:
    """A CUDA driver with these GPUs, or one that refuses to start."""

    def __init__(self, *gpus: Gpu, refusal: int = 0) -> None:
        self._gpus = gpus
        self._refusal = refusal

    def load(self, name: str) -> "FakeDriver":
        return self

    def cuInit(self, flags: int) -> int:  # noqa: N802
        return self._refusal

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = len(self._gpus)
        return 0

    def cuDeviceGet(self, device: Any, ordinal: int) -> int:  # noqa: N802
        device._obj.value = ordinal
        return 0

    def cuDeviceGetName(self, name: Any, length: int, device: ctypes.c_int) -> int:  # noqa: N802
        name.value = self._gpus[device.value].name.encode()
        return 0

    def cuDeviceTotalMem_v2(self, memory: Any, device: ctypes.c_int) -> int:  # noqa: N802
        memory._obj.value = self._gpus[device.value].memory
        return 0


def test_the_driver_names_its_gpus_in_order() -> None:
    gpus = [Gpu("NVIDIA H200", 139 << 30), Gpu("NVIDIA L4", 22 << 30)]
    assert cuda_gpus(FakeDriver(*gpus).load) == gpus


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [(0, "no GPU is visible"), (100, "answers 100: no GPU is visible"), (803, "different versions"), (4, "nvidia-smi")],
)
def test_a_driver_without_gpus_says_why(refusal: int, reason: str) -> None:
    with pytest.raises(CudaError, match=reason):
        cuda_gpus(FakeDriver(refusal=refusal).load)


def test_without_a_driver_the_reason_is_just_that() -> None:
    def load(name: str) -> None:
        raise OSError(name)

    with pytest.raises(CudaError, match="there is no CUDA driver"):
        cuda_gpus(load)


def test_torchs_build_is_read_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "fake_torch"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    (package / "version.py").write_text("__version__ = '2.9.0+cu130'\ncuda = '13.0'\n")
    monkeypatch.syspath_prepend(tmp_path)
    build = torch_build("fake_torch")
    assert build == TorchBuild("2.9.0+cu130", "13.0")
    assert str(build) == "torch 2.9.0+cu130, built for CUDA 13.0"
    assert str(TorchBuild("2.9.0")) == "torch 2.9.0, built without CUDA"


def test_no_torch_is_no_build() -> None:
    assert torch_build("no_such_package") is None
