"""NVIDIA's GPUs as the driver itself reports them: importing torch only to count them would cost seconds at start."""

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_NAME_LENGTH = 128

_MEANINGS = {
    34: "only a stub of the driver is installed; start the container with its GPUs (--gpus all)",
    35: "the driver is too old for this CUDA; update it",
    100: "no GPU is visible; see CUDA_VISIBLE_DEVICES, and start a container with its GPUs (--gpus all)",
    802: "the GPUs are not ready yet; their fabric manager may not be running",
    803: "driver and library have different versions; update the driver or restart the machine",
    999: "unknown error; nvidia-smi may tell more",
}


class CudaError(Exception):
    """There is no CUDA device; the message says why, and what may help."""


@dataclass(frozen=True)
class Gpu:
    """One GPU: its name and its memory in bytes."""

    name: str
    memory: int


def cuda_gpus(load: Callable[[str], Any] = ctypes.CDLL) -> list[Gpu]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves, in CUDA's order; raises CudaError instead of returning none."""
    try:
        driver = load(_LIBRARY)
    except OSError:
        raise CudaError(f"there is no CUDA driver ({_LIBRARY}) on this machine") from None
    _check(driver.cuInit(0))
    count = ctypes.c_int()
    _check(driver.cuDeviceGetCount(ctypes.byref(count)))
    if not count.value:
        raise CudaError(_MEANINGS[100])
    return [_gpu(driver, ordinal) for ordinal in range(count.value)]


def _gpu(driver: Any, ordinal: int) -> Gpu:
    device, name, memory = ctypes.c_int(), ctypes.create_string_buffer(_NAME_LENGTH), ctypes.c_size_t()
    _check(driver.cuDeviceGet(ctypes.byref(device), ordinal))
    _check(driver.cuDeviceGetName(name, _NAME_LENGTH, device))
    _check(driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device))
    return Gpu(name.value.decode(), memory.value)


def _check(code: int) -> None:
    if code:
        raise CudaError(f"the CUDA driver answers {code}: {_MEANINGS.get(code, _MEANINGS[999])}")
