"""The devices of a machine, the requested ones, and their assignment to workers."""

import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest

from handler.devices.cuda_driver import Gpu
from handler.devices.device import (
    CPU,
    Device,
    ProbeResult,
    assign_device,
    find_cuda,
    find_devices,
    find_mps,
    installed_providers,
)
from handler.devices.torch_build import TorchBuild

GPUS = tuple(Device("cuda", index, "NVIDIA H200", 139 << 30) for index in range(3))
MPS = Device("mps", None, "Apple silicon", 16 << 30)

Probes = Mapping[str, Callable[[], ProbeResult]]


def machine(*devices: Device, unusable: str = "") -> Probes:
    """The probes of a machine with these GPUs, or with one that nothing can use."""
    found = {kind: tuple(device for device in devices if device.kind == kind) for kind in ("cuda", "mps")}
    return {
        "cuda": lambda: ProbeResult(found["cuda"], "" if found["cuda"] else unusable or "no driver", bool(unusable)),
        "mps": lambda: ProbeResult(found["mps"], "" if found["mps"] else "no Mac"),
    }


@pytest.mark.parametrize(
    ("requested", "there", "chosen"),
    [
        ("", GPUS, [*GPUS, CPU]),
        ("", (MPS,), [MPS, CPU]),
        ("", (), [CPU]),
        ("cuda", GPUS, [*GPUS, CPU]),
        ("cuda:1", GPUS, [GPUS[1], CPU]),
        (" MPS ", (MPS,), [MPS, CPU]),
        ("auto", GPUS, [*GPUS, CPU]),
        ("AUTO", (), [CPU]),
        ("cpu", GPUS, [CPU]),
    ],
)
def test_the_best_devices_or_those_requested_for_are_taken_without_a_word(
    requested: str, there: tuple[Device, ...], chosen: list[Device], caplog: pytest.LogCaptureFixture
) -> None:
    assert find_devices({"TORCH_DEVICE": requested}, probes=machine(*there)) == chosen
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("requested", "there", "chosen", "warning"),
    [
        ("cuda", (MPS,), [MPS, CPU], "TORCH_DEVICE asks for cuda; there is mps (Apple silicon), cpu. no driver"),
        ("mps", (), [CPU], "TORCH_DEVICE asks for mps; there is cpu. no Mac"),
        ("cuda:7", GPUS[:1], [GPUS[0], CPU], "TORCH_DEVICE asks for cuda:7; there is cuda:0 (NVIDIA H200), cpu. "),
        (
            "gpu",
            (),
            [CPU],
            "TORCH_DEVICE is 'gpu'; it may be auto, cuda, cuda:0, mps or cpu, and counts for nothing now",
        ),
    ],
)
def test_a_missing_device_falls_back_to_the_next_with_one_warning(
    requested: str, there: tuple[Device, ...], chosen: list[Device], warning: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It says what was requested for, what there is, and why."""
    assert find_devices({"TORCH_DEVICE": requested}, probes=machine(*there)) == chosen
    assert caplog.messages == [warning]


def test_a_gpu_that_nothing_installed_can_use_is_warned_of_unrequested(caplog: pytest.LogCaptureFixture) -> None:
    assert find_devices({}, probes=machine(unusable="torch is built without CUDA")) == [CPU]
    assert caplog.messages == ["A GPU stays idle; there is cpu. torch is built without CUDA"]


def test_number_of_gpu_bounds_the_gpus_and_zero_takes_them_all_away() -> None:
    assert find_devices({}, 2, machine(*GPUS)) == [*GPUS[:2], CPU]
    assert find_devices({}, 9, machine(*GPUS)) == [*GPUS, CPU]
    assert find_devices({}, 0, machine(*GPUS)) == [CPU]


def test_workers_get_the_gpus_in_turn() -> None:
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
    assert find_mps() == ProbeResult(reason="this is no Mac with Apple silicon")


def test_gpus_count_where_torch_is_built_for_them() -> None:
    found = find_cuda(lambda: [Gpu("NVIDIA H200", 139 << 30)], lambda: TorchBuild("2.13.0+cu130", "13.0"))
    assert found == ProbeResult(GPUS[:1])


@pytest.mark.skipif("CUDAExecutionProvider" in installed_providers(), reason="ONNX Runtime could use the GPU")
@pytest.mark.parametrize(("build", "word"), [(None, "no torch"), (TorchBuild("2.13.0+cpu"), "built without CUDA")])
def test_gpus_are_unusable_where_nothing_is_built_for_them(build: TorchBuild | None, word: str) -> None:
    found = find_cuda(lambda: [Gpu("NVIDIA H200", 139 << 30)], lambda: build)
    assert (found.devices, found.is_unusable) == ((), True)
    assert word in found.reason
