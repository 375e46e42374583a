"""NVIDIA's GPUs as the driver reports them."""

import ctypes
from typing import Any

import pytest

from handler.devices.cuda_driver import CudaError, Gpu, cuda_gpus


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
