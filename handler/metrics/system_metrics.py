"""The host's CPU, memory, disk and GPUs under TorchServe's names, read when asked: no thread and no process polls."""

import importlib
import importlib.util
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MEGABYTE = 1 << 20
_GIGABYTE = 1 << 30


@dataclass(frozen=True)
class Reading:
    """One value of one gauge; `device` is a GPU's number, empty for the host itself."""

    name: str
    value: float
    device: str = ""


class SystemMetrics:
    """Reads the host's gauges. A platform without /proc (macOS) has fewer."""

    def __init__(
        self,
        interval: float = 60.0,
        proc: Path = Path("/proc"),
        disk: Path = Path("/"),
        clock: Callable[[], float] = time.monotonic,
        nvml: Any = None,
    ) -> None:
        self._interval = interval
        self._proc = proc
        self._disk = disk
        self._clock = clock
        self._nvml = nvml or _find_nvml()
        self._collected: float | None = None
        self._ticks = self._cpu_ticks()

    def __repr__(self) -> str:
        return f"<SystemMetrics every {self._interval:g} s>"

    def is_due(self) -> bool:
        """Whether nothing was read for `interval` seconds."""
        return self._collected is None or self._clock() - self._collected >= self._interval

    def collect(self) -> list[Reading]:
        """All gauges now; CPUUtilization is the mean since the last call, or since the start."""
        self._collected = self._clock()
        return [*self._cpu(), *self._memory(), *self._storage(), *self._gpus()]

    def _cpu(self) -> Iterator[Reading]:
        before, self._ticks = self._ticks, self._cpu_ticks()
        if before and self._ticks:
            busy, total = (now - then for now, then in zip(self._ticks, before, strict=True))
            yield Reading("CPUUtilization", _percent(busy, total))

    def _cpu_ticks(self) -> tuple[int, int] | None:
        """Clock ticks since boot: busy, and all."""
        try:
            first, *_ = (self._proc / "stat").read_text().splitlines()
        except (OSError, ValueError):
            return None
        # Guests' time, in the last two columns, is part of the first two already.
        ticks = [int(field) for field in first.split()[1:9]]
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)

    def _memory(self) -> Iterator[Reading]:
        try:
            lines = (self._proc / "meminfo").read_text().splitlines()
        except OSError:
            return
        kilobytes = {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
        total, available = kilobytes["MemTotal"], kilobytes.get("MemAvailable", kilobytes["MemFree"])
        yield Reading("MemoryAvailable", available / 1024)
        yield Reading("MemoryUsed", (total - available) / 1024)
        yield Reading("MemoryUtilization", _percent(total - available, total))

    def _storage(self) -> Iterator[Reading]:
        usage = shutil.disk_usage(self._disk)
        yield Reading("DiskAvailable", usage.free / _GIGABYTE)
        yield Reading("DiskUsage", usage.used / _GIGABYTE)
        # Space kept for root is neither used nor free to others.
        yield Reading("DiskUtilization", _percent(usage.used, usage.used + usage.free))

    def _gpus(self) -> Iterator[Reading]:
        for index in range(self._nvml.nvmlDeviceGetCount() if self._nvml else 0):
            handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
            # A GPU cut into parts, or a lost one, answers some questions with an error.
            with suppress(self._nvml.NVMLError):
                memory = self._nvml.nvmlDeviceGetMemoryInfo(handle)
                yield Reading("GPUMemoryUtilization", _percent(memory.used, memory.total), str(index))
                yield Reading("GPUMemoryUsed", memory.used / _MEGABYTE, str(index))
                yield Reading("GPUUtilization", self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu, str(index))


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 1) if whole > 0 else 0.0


def _find_nvml() -> Any:
    """NVIDIA's management library, where its Python package is installed and a driver answers."""
    if importlib.util.find_spec("pynvml") is None:
        return None
    nvml = importlib.import_module("pynvml")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    return nvml
