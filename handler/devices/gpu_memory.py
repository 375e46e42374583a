"""The memory of NVIDIA's GPUs that a model could have now, as the driver's management library reports it."""

import ctypes
import sys
from collections.abc import Callable
from typing import Any

_DRIVER, _MANAGEMENT = ("nvcuda.dll", "nvml.dll") if sys.platform == "win32" else ("libcuda.so.1", "libnvidia-ml.so.1")
_BUS_ID_LENGTH = 64


class _Memory(ctypes.Structure):
    """The driver's nvmlMemory_t, in bytes."""

    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


def available_gpu_memory(index: int, load: Callable[[str], Any] = ctypes.CDLL) -> int | None:
    """The bytes of a GPU, counted as CUDA does, that are free or that torch keeps unused; None where that is unknown.

    Nothing is allocated on the GPU to find out.
    """
    try:
        driver, management = load(_DRIVER), load(_MANAGEMENT)
    except OSError:
        return None
    device, bus_id = ctypes.c_int(), ctypes.create_string_buffer(_BUS_ID_LENGTH)
    handle, memory = ctypes.c_void_p(), _Memory()
    steps: list[Callable[[], int]] = [
        lambda: driver.cuInit(0),
        lambda: driver.cuDeviceGet(ctypes.byref(device), index),
        lambda: driver.cuDeviceGetPCIBusId(bus_id, _BUS_ID_LENGTH, device),
        management.nvmlInit_v2,
        lambda: management.nvmlDeviceGetHandleByPciBusId_v2(bus_id, ctypes.byref(handle)),
        lambda: management.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)),
    ]
    if any(step() for step in steps):
        return None
    return int(memory.free) + _kept_by_torch(index)


def _kept_by_torch(index: int) -> int:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0
    return int(torch.cuda.memory_reserved(index) - torch.cuda.memory_allocated(index))
