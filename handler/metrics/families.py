"""The declared metric families: TorchServe's own, or those of a metrics file (`metrics_config`)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

import yaml

Kind = Literal["counter", "gauge", "histogram"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST = ("Level", "Hostname")
_REQUEST = ("model_name", "model_version", "hostname")
_MODEL = ("ModelName", "Level", "Hostname")
_GPU = ("Level", "DeviceId", "Hostname")


@dataclass(frozen=True)
class Family:
    """One metric family. `labels` are its label names in order, the host's name last.

    Raises ValueError for a kind or names that do not exist in Prometheus.
    """

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    help_text: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"metric {self.name}: {self.kind} is none of {', '.join(get_args(Kind))}")
        names = (self.name, *self.labels)
        is_valid = len({*self.labels}) == len(self.labels) and all(map(_NAME.fullmatch, names))
        if not is_valid or any(label.startswith("__") for label in self.labels):  # those are Prometheus' own
            raise ValueError(f"metric {self.name}: {', '.join(names)} are not names that Prometheus accepts")

    @property
    def help(self) -> str:
        """The text after # HELP; TorchServe's where the family has none of its own."""
        return self.help_text or f"Torchserve prometheus {self.kind} metric with unit: {self.unit}"


@dataclass(frozen=True)
class Families:
    """The declared families by name: those that the server fills, and those that handlers fill."""

    server: Mapping[str, Family] = field(default_factory=dict)
    model: Mapping[str, Family] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Family]:
        yield from (*self.server.values(), *self.model.values())

    def for_handlers(self) -> dict[str, Any]:
        """The families that handlers find declared, in the form of a metrics file and without the host's name."""
        kinds: dict[str, list[dict[str, Any]]] = {kind: [] for kind in get_args(Kind)}
        for family in self.model.values():
            kinds[family.kind].append({"name": family.name, "unit": family.unit, "dimensions": [*family.labels[:-1]]})
        return {"model_metrics": kinds}


_SERVER = (
    Family("Requests2XX", "counter", "Count", _HOST),
    Family("Requests4XX", "counter", "Count", _HOST),
    Family("Requests5XX", "counter", "Count", _HOST),
    Family("ts_inference_requests_total", "counter", "Count", _REQUEST),
    Family("ts_inference_latency_microseconds", "counter", "Microseconds", _REQUEST),
    Family("ts_queue_latency_microseconds", "counter", "Microseconds", _REQUEST),
    Family("QueueTime", "gauge", "Milliseconds", _HOST),
    Family("WorkerThreadTime", "gauge", "Milliseconds", _HOST),
    Family("WorkerLoadTime", "gauge", "Milliseconds", ("WorkerName", *_HOST)),
    Family("CPUUtilization", "gauge", "Percent", _HOST),
    Family("MemoryUsed", "gauge", "Megabytes", _HOST),
    Family("MemoryAvailable", "gauge", "Megabytes", _HOST),
    Family("MemoryUtilization", "gauge", "Percent", _HOST),
    Family("DiskUsage", "gauge", "Gigabytes", _HOST),
    Family("DiskUtilization", "gauge", "Percent", _HOST),
    Family("DiskAvailable", "gauge", "Gigabytes", _HOST),
    Family("GPUMemoryUtilization", "gauge", "Percent", _GPU),
    Family("GPUMemoryUsed", "gauge", "Megabytes", _GPU),
    Family("GPUUtilization", "gauge", "Percent", _GPU),
)
_MODELS = (
    Family("HandlerTime", "gauge", "ms", _MODEL),
    Family("PredictionTime", "gauge", "ms", _MODEL),
)


def read_families(file: Path | None = None) -> Families:
    """The families that `file` declares (no others exist then), or TorchServe's own without one.

    Raises ValueError with the reason where the file is missing or wrong: TorchServe starts all the same, and then
    loses every worker.
    """
    if file is None:
        return Families(_by_name(_SERVER), _by_name(_MODELS))
    try:
        return _parse(yaml.safe_load(file.read_text("utf-8")) or {})
    except (OSError, ValueError, TypeError, AttributeError, KeyError, yaml.YAMLError) as error:
        raise ValueError(f"metrics_config {file}: {type(error).__name__}: {error}") from error


def _parse(document: Mapping[str, Any]) -> Families:
    server = _by_name(_section(document.get("ts_metrics"), ()))
    model = _by_name(_section(document.get("model_metrics"), ("Hostname",)))
    if both := server.keys() & model.keys():
        raise ValueError(f"declared twice: {', '.join(sorted(both))}")
    return Families(server, model)


def _section(kinds: Mapping[str, Any] | None, appended: tuple[str, ...]) -> Iterator[Family]:
    for kind, entries in (kinds or {}).items():
        for entry in entries or ():
            labels = tuple(map(str, entry["dimensions"]))
            # "Hostname" is appended to the labels that handlers send; a file may name it all the same.
            host = () if labels[-1:] == appended else appended
            yield Family(str(entry["name"]), cast("Kind", kind), str(entry["unit"]), labels + host)


def _by_name(families: Iterator[Family] | tuple[Family, ...]) -> dict[str, Family]:
    return {family.name: family for family in families}
