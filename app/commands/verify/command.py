"""`marserve verify`: the resources of this machine, and a tiny inference with each engine on each device."""

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from app.commands.parser import CommandParser
from app.commands.progress import show_progress
from app.commands.verify.engine_probes import EngineReport, ProbeResult, probe_onnxruntime, probe_torch
from app.release import version
from handler.devices.cgroup import cpu_quota, memory_limit
from handler.devices.cpu_budget import cpu_budget, usable_cores
from handler.devices.device import PROBES, Device, find_devices

_GIB = 1 << 30

EngineProbe = Callable[[Sequence[Device]], EngineReport]

ENGINES: Mapping[str, EngineProbe] = {"onnxruntime": probe_onnxruntime, "torch": probe_torch}


@dataclass(frozen=True)
class MachineReport:
    """Sizes are in bytes, processors in cores, None where there is no limit."""

    marserve: str
    python: str
    platform: str
    cores: int
    usable_cores: int
    cpu_quota: float | None
    cpu_budget: float
    memory_limit: int | None
    temp: str
    temp_free: int
    devices: list[Device]
    missing: dict[str, str]
    engines: list[EngineReport]

    @property
    def ok(self) -> bool:
        """Whether any engine can infer on any device."""
        return any(probe.ok for engine in self.engines for probe in engine.probes)


def main(argv: list[str], engines: Mapping[str, EngineProbe] = ENGINES) -> int:
    """Print the report; 0 if at least one engine infers on some device, else 1."""
    parser = CommandParser(prog="marserve verify", description=__doc__)
    parser.add_argument("--json", action="store_true", help="for machines: the report as one JSON object")
    as_json = parser.parse_args(argv).json
    report = inspect_machine(engines)
    print(json.dumps({"ok": report.ok, **asdict(report)}, indent=2) if as_json else "\n".join(_lines(report)))
    return 0 if report.ok else 1


def inspect_machine(engines: Mapping[str, EngineProbe]) -> MachineReport:
    """Inspect this machine and probe the engines, which may take a minute where their imports are slow."""
    devices = find_devices()
    temp = tempfile.gettempdir()
    return MachineReport(
        marserve=version(),
        python=f"{platform.python_version()} ({platform.python_implementation()})",
        platform=platform.platform(),
        cores=os.cpu_count() or 1,
        usable_cores=usable_cores(),
        cpu_quota=cpu_quota(),
        cpu_budget=cpu_budget(),
        memory_limit=memory_limit(),
        temp=temp,
        temp_free=shutil.disk_usage(temp).free,
        devices=devices,
        missing={kind: finding.reason for kind, probe in PROBES.items() if (finding := probe()).reason},
        engines=list(_probe(engines, devices)),
    )


def _probe(engines: Mapping[str, EngineProbe], devices: Sequence[Device]) -> Iterator[EngineReport]:
    for name, probe in engines.items():
        show_progress(f"importing {name} ...")  # a slow import would seem to hang
        yield probe(devices)
    show_progress("")


def _lines(report: MachineReport) -> Iterator[str]:
    yield _line("marserve", report.marserve)
    yield _line("python", f"{report.python} on {report.platform}")
    quota = f"a quota of {report.cpu_quota:g}" if report.cpu_quota else "no quota"
    cores = f"{report.usable_cores} of {report.cores} cores usable"
    yield _line("processors", f"{cores}, {quota}: a budget of {report.cpu_budget:g}")
    yield _line("memory", f"limit {_size(report.memory_limit)}" if report.memory_limit else "no limit")
    yield _line("temp", f"{report.temp}, {_size(report.temp_free)} free")
    for device in report.devices:
        yield _line("device", ", ".join(filter(None, (device.torch_name, device.name, _size(device.memory)))))
    for kind, reason in report.missing.items():
        yield _line(f"no {kind}", reason)
    for engine in report.engines:
        yield _line(engine.name, engine.build + (f"; imported in {engine.import_s:.2f} s" if engine.import_s else ""))
    for engine in report.engines:
        yield from (_verdict(engine, probe) for probe in engine.probes)
    if not report.ok:
        yield "Nothing here can infer."


def _line(label: str, text: str) -> str:
    return f"{label:<12} {text}"


def _size(size: int | None) -> str:
    return f"{size / _GIB:.1f} GiB" if size else ""


def _verdict(engine: EngineReport, probe: ProbeResult) -> str:
    where = f"{engine.name} on {probe.device}"
    if probe.ok:
        return _line("OK", f"{where}: {probe.cold_ms:.2f} ms at first, then {probe.warm_ms:.2f} ms")
    return _line("FAILED", f"{where}: {probe.reason}. Remedy: {probe.remedy}")
