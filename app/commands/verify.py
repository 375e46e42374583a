"""`marserve verify`: what a person who deploys wants to know about this machine, and whether it can infer at all."""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from app.commands.engine_probes import Engine, Trial, try_onnxruntime, try_torch
from app.release import version
from handler.devices.cgroup import cpu_quota, memory_limit
from handler.devices.cpu_budget import cpu_budget, usable_cores
from handler.devices.device import PROBES, Device, find_devices

_GIB = 1 << 30

TryEngine = Callable[[Sequence[Device]], Engine]

ENGINES: Mapping[str, TryEngine] = {"onnxruntime": try_onnxruntime, "torch": try_torch}


@dataclass(frozen=True)
class Report:
    """All that was found; sizes in bytes, processors in cores, None where there is no limit."""

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
    engines: list[Engine]

    @property
    def ok(self) -> bool:
        """Whether anything can infer."""
        return any(trial.ok for engine in self.engines for trial in engine.trials)


def main(argv: list[str], engines: Mapping[str, TryEngine] = ENGINES) -> int:
    """Print the report; 0 if at least one engine infers on some device, else 1."""
    parser = argparse.ArgumentParser(prog="marserve verify", description=__doc__)
    parser.add_argument("--json", action="store_true", help="for machines: the report as one JSON object")
    as_json = parser.parse_args(argv).json
    report = examine(engines)
    print(json.dumps({"ok": report.ok, **asdict(report)}, indent=2) if as_json else "\n".join(_lines(report)))
    return 0 if report.ok else 1


def examine(engines: Mapping[str, TryEngine]) -> Report:
    """Look at this machine and try the engines, which may take a minute where their imports are slow."""
    devices = find_devices()
    temp = tempfile.gettempdir()
    return Report(
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
        engines=list(_try(engines, devices)),
    )


def _try(engines: Mapping[str, TryEngine], devices: Sequence[Device]) -> Iterator[Engine]:
    for name, attempt in engines.items():
        _say(f"importing {name} ...")
        yield attempt(devices)
    _say("")


def _say(progress: str) -> None:
    """Replace the last line of a terminal, so that nobody thinks a slow import hangs."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{progress}", end="", file=sys.stderr, flush=True)


def _lines(report: Report) -> Iterator[str]:
    yield _line("marserve", report.marserve)
    yield _line("python", f"{report.python} on {report.platform}")
    yield _line("processors", f"{report.usable_cores} of {report.cores} cores usable, {_processors(report)}")
    yield _line("memory", f"limit {_size(report.memory_limit)}" if report.memory_limit else "no limit")
    yield _line("temp", f"{report.temp}, {_size(report.temp_free)} free")
    for device in report.devices:
        yield _line("device", ", ".join(filter(None, (device.torch_name, device.name, _size(device.memory)))))
    for kind, reason in report.missing.items():
        yield _line(f"no {kind}", reason)
    for engine in report.engines:
        yield _line(engine.name, engine.build + (f"; imported in {engine.import_s:.2f} s" if engine.import_s else ""))
    for engine in report.engines:
        yield from (_verdict(engine, trial) for trial in engine.trials)
    if not report.ok:
        yield "Nothing here can infer."


def _line(label: str, text: str) -> str:
    return f"{label:<12} {text}"


def _processors(report: Report) -> str:
    quota = f"a quota of {report.cpu_quota:g}" if report.cpu_quota else "no quota"
    return f"{quota}: a budget of {report.cpu_budget:g}"


def _size(size: int | None) -> str:
    return f"{size / _GIB:.1f} GiB" if size else ""


def _verdict(engine: Engine, trial: Trial) -> str:
    where = f"{engine.name} on {trial.device}"
    if trial.ok:
        return _line("OK", f"{where}: {trial.cold_ms:.2f} ms at first, then {trial.warm_ms:.2f} ms")
    return _line("FAILED", f"{where}: {trial.reason}. Remedy: {trial.remedy}")
