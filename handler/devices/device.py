"""Devices: the choice among CUDA, MPS and CPU, and their assignment to workers."""

import functools
import importlib
import logging
import os
import platform
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from handler.devices.cuda_driver import CudaError, Gpu, cuda_gpus
from handler.devices.torch_build import TorchBuild, torch_build

LOG = logging.getLogger("marserve.device")

Provider = str | tuple[str, dict[str, int]]


@dataclass(frozen=True)
class Device:
    """Something to compute on; `index` counts GPUs, `memory` is in bytes where it is known."""

    kind: Literal["cuda", "mps", "cpu"]
    index: int | None = None
    name: str = ""
    memory: int | None = None

    @property
    def gpu_id(self) -> int | None:
        """The `gpu_id` of a handler's context: a number on MPS too, where BaseHandler needs one to use it."""
        return None if self.kind == "cpu" else self.index or 0

    @property
    def torch_name(self) -> str:
        """The device as torch calls it: "cuda:0", "mps", "cpu"."""
        return self.kind if self.index is None else f"{self.kind}:{self.index}"

    def onnx_providers(self) -> list[Provider]:
        """The `providers` of ONNX Runtime for this device, as far as the installed build has them."""
        installed = installed_providers()
        if self.kind == "cuda" and "CUDAExecutionProvider" in installed:
            return [("CUDAExecutionProvider", {"device_id": self.index or 0}), "CPUExecutionProvider"]
        if self.kind == "mps" and "CoreMLExecutionProvider" in installed:
            return ["CoreMLExecutionProvider", "CPUExecutionProvider"]
        return ["CPUExecutionProvider"]


CPU = Device("cpu")


@dataclass(frozen=True)
class ProbeResult:
    """The devices of one kind; without any, the reason. `is_unusable` if no installed library can use one."""

    devices: tuple[Device, ...] = ()
    reason: str = ""
    is_unusable: bool = False


def find_devices(
    environ: Mapping[str, str] = os.environ,
    number_of_gpu: int | None = None,
    probes: Mapping[str, Callable[[], ProbeResult]] | None = None,
) -> list[Device]:
    """The devices to use, best first: CUDA before MPS before the CPU, which always comes last.

    TORCH_DEVICE (cuda, cuda:1, mps, cpu) requests a kind or one device, or leaves the choice (auto, or unset);
    `number_of_gpu` requests no more than so many GPUs. One
    warning names a device that was requested and is missing, or a GPU that no installed library can use; the next best
    is taken then. torch is not imported.
    """
    requested = environ.get("TORCH_DEVICE", "").strip().lower()
    if requested == "auto":
        requested = ""
    if not re.fullmatch(r"|cpu|mps|cuda(:\d+)?", requested):
        LOG.warning(
            "TORCH_DEVICE is %r; it may be auto, cuda, cuda:0, mps or cpu, and counts for nothing now", requested
        )
        requested = ""
    if requested == "cpu" or number_of_gpu == 0:
        return [CPU]
    results = {kind: probe() for kind, probe in (probes or PROBES).items()}
    found = [device for result in results.values() for device in result.devices][:number_of_gpu]
    matching = [device for device in found if requested in ("", device.kind, device.torch_name)]
    reasons = [result.reason for kind, result in results.items() if result.is_unusable or requested.startswith(kind)]
    devices = [*(matching or found), CPU]
    if (requested and not matching) or any(result.is_unusable for result in results.values()):
        problem = f"TORCH_DEVICE asks for {requested}" if requested else "A GPU stays idle"
        LOG.warning("%s; there is %s. %s", problem, _list(devices), "; ".join(filter(None, reasons)))
    return devices


def _list(devices: Iterable[Device]) -> str:
    return ", ".join(f"{device.torch_name} ({device.name})" if device.name else device.torch_name for device in devices)


def assign_device(
    worker_index: int, devices: Sequence[Device], device_ids: Sequence[int] = (), device_type: str | None = None
) -> Device:
    """The device of a version's n-th worker, from 0: round robin over the devices of the best kind, or `device_ids`.

    The `device_type` "cpu" means the CPU. One id that no GPU has makes the whole list void, as in TorchServe.
    """
    if device_type == "cpu":
        return CPU
    best = {device.index: device for device in devices if device.kind == devices[0].kind}
    if not best.keys() >= set(device_ids):
        _warn_once(f"deviceIds {list(device_ids)} do not count: there is {_list(best.values())}")
        device_ids = ()
    chosen = [best[index] for index in device_ids or best]
    return chosen[worker_index % len(chosen)]


@functools.cache
def _warn_once(message: str) -> None:
    LOG.warning(message)


def find_cuda(
    list_gpus: Callable[[], list[Gpu]] = cuda_gpus, find_torch: Callable[[], TorchBuild | None] = torch_build
) -> ProbeResult:
    """NVIDIA's GPUs, if torch or ONNX Runtime is built for them."""
    try:
        gpus = list_gpus()
    except CudaError as reason:
        return ProbeResult(reason=str(reason))
    build = find_torch()
    if (build and build.cuda) or "CUDAExecutionProvider" in installed_providers():
        return ProbeResult(tuple(Device("cuda", index, gpu.name, gpu.memory) for index, gpu in enumerate(gpus)))
    engines = f"{build or 'no torch'}, and ONNX Runtime without CUDA"
    return ProbeResult(reason=f"{gpus[0].name} needs builds for CUDA, but installed are: {engines}", is_unusable=True)


def find_mps() -> ProbeResult:
    """The GPU of a Mac with Apple silicon, if torch is there."""
    if (sys.platform, platform.machine()) != ("darwin", "arm64"):
        return ProbeResult(reason="this is no Mac with Apple silicon")
    if torch_build() is None:
        return ProbeResult(reason="torch is not installed")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return ProbeResult((Device("mps", None, "Apple silicon", memory),))


PROBES: Mapping[str, Callable[[], ProbeResult]] = {"cuda": find_cuda, "mps": find_mps}


def installed_providers() -> list[str]:
    """All execution providers of the installed ONNX Runtime, which is imported for that."""
    return list(importlib.import_module("onnxruntime").get_available_providers())
