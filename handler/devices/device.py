"""Devices: which of CUDA, MPS and CPU there are, which were asked for, and which worker gets which."""

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

logger = logging.getLogger("marserve.device")

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
        """What a handler finds as `gpu_id`: a number on MPS too, where BaseHandler asks for one before it uses it."""
        return None if self.kind == "cpu" else self.index or 0

    @property
    def torch_name(self) -> str:
        """The device as torch calls it: "cuda:0", "mps", "cpu"."""
        return self.kind if self.index is None else f"{self.kind}:{self.index}"

    def onnx_providers(self) -> list[Provider]:
        """What ONNX Runtime takes as `providers` for this device, as far as the installed build has them."""
        have = installed_providers()
        if self.kind == "cuda" and "CUDAExecutionProvider" in have:
            return [("CUDAExecutionProvider", {"device_id": self.index or 0}), "CPUExecutionProvider"]
        if self.kind == "mps" and "CoreMLExecutionProvider" in have:
            return ["CoreMLExecutionProvider", "CPUExecutionProvider"]
        return ["CPUExecutionProvider"]


CPU = Device("cpu")


@dataclass(frozen=True)
class Finding:
    """The devices of one kind; without any, the reason. `wasted` where there is one that nothing installed can use."""

    devices: tuple[Device, ...] = ()
    reason: str = ""
    wasted: bool = False


def find_devices(
    environ: Mapping[str, str] = os.environ,
    number_of_gpu: int | None = None,
    probes: Mapping[str, Callable[[], Finding]] | None = None,
) -> list[Device]:
    """The devices to use, best first: CUDA before MPS before the CPU, which always comes last.

    TORCH_DEVICE (cuda, cuda:1, mps, cpu) asks for a kind or for one device, `number_of_gpu` for no more than so many
    GPUs. One warning tells of a device that was asked for and is missing, or of a GPU that nothing installed can use;
    the next best is taken then. torch is not imported.
    """
    asked = _asked(environ)
    if asked == "cpu" or number_of_gpu == 0:
        return [CPU]
    findings = {kind: probe() for kind, probe in (probes or PROBES).items()}
    found = [device for finding in findings.values() for device in finding.devices][:number_of_gpu]
    wanted = [device for device in found if asked in ("", device.kind, device.torch_name)]
    reasons = [finding.reason for kind, finding in findings.items() if finding.wasted or asked.startswith(kind)]
    devices = [*(wanted or found), CPU]
    if (asked and not wanted) or any(finding.wasted for finding in findings.values()):
        wish = f"TORCH_DEVICE asks for {asked}" if asked else "A GPU stays idle"
        logger.warning("%s; there is %s. %s", wish, _listed(devices), "; ".join(filter(None, reasons)))
    return devices


def _asked(environ: Mapping[str, str]) -> str:
    asked = environ.get("TORCH_DEVICE", "").strip().lower()
    if re.fullmatch(r"|cpu|mps|cuda(:\d+)?", asked):
        return asked
    logger.warning("TORCH_DEVICE is %r; it may be cuda, cuda:0, mps or cpu, and counts for nothing now", asked)
    return ""


def _listed(devices: Iterable[Device]) -> str:
    return ", ".join(f"{device.torch_name} ({device.name})" if device.name else device.torch_name for device in devices)


def assign_device(
    worker_index: int, devices: Sequence[Device], device_ids: Sequence[int] = (), device_type: str | None = None
) -> Device:
    """The device of a version's n-th worker, from 0: in turn over the devices of the best kind, or over `device_ids`.

    The `device_type` "cpu" asks for the CPU. One id that no GPU has makes the whole list void, as TorchServe does.
    """
    if device_type == "cpu":
        return CPU
    best = {device.index: device for device in devices if device.kind == devices[0].kind}
    if not best.keys() >= set(device_ids):
        _warn_once(f"deviceIds {list(device_ids)} do not count: there is {_listed(best.values())}")
        device_ids = ()
    chosen = [best[index] for index in device_ids or best]
    return chosen[worker_index % len(chosen)]


@functools.cache
def _warn_once(message: str) -> None:
    logger.warning(message)


def find_cuda(
    list_gpus: Callable[[], list[Gpu]] = cuda_gpus, find_torch: Callable[[], TorchBuild | None] = torch_build
) -> Finding:
    """NVIDIA's GPUs, if torch or ONNX Runtime is built for them."""
    try:
        gpus = list_gpus()
    except CudaError as reason:
        return Finding(reason=str(reason))
    build = find_torch()
    if (build and build.cuda) or "CUDAExecutionProvider" in installed_providers():
        return Finding(tuple(Device("cuda", index, gpu.name, gpu.memory) for index, gpu in enumerate(gpus)))
    engines = f"{build or 'no torch'}, and ONNX Runtime without CUDA"
    return Finding(reason=f"{gpus[0].name} needs builds for CUDA, but installed are: {engines}", wasted=True)


def find_mps() -> Finding:
    """The GPU of a Mac with Apple silicon, if torch is there."""
    if (sys.platform, platform.machine()) != ("darwin", "arm64"):
        return Finding(reason="this is no Mac with Apple silicon")
    if torch_build() is None:
        return Finding(reason="torch is not installed")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Finding((Device("mps", None, "Apple silicon", memory),))


PROBES: Mapping[str, Callable[[], Finding]] = {"cuda": find_cuda, "mps": find_mps}


def installed_providers() -> list[str]:
    """All execution providers of the installed ONNX Runtime, which this imports."""
    return list(importlib.import_module("onnxruntime").get_available_providers())
