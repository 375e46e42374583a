"""How one model version is served: the archive's YAML, the server's configuration and the registration, merged."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from model_registry.archive.model_yaml import load_model_config, readable_model_config, server_settings
from model_registry.values import parse_int

__all__ = ["Defaults", "ModelConfig", "RequestConfig", "load_model_config", "readable_model_config"]

LOG = logging.getLogger("marserve.config")
TIMEOUT = 120
"""Seconds; what a YAML file or a snapshot means that names no timeout."""
AS_SAID = (
    "max_retry_timeout", "client_timeout", "use_job_ticket", "device_type", "continuous_batching",
    "async_communication", "use_venv", "stateful", "isolation", "threads",
)  # fmt: skip
STATE = {
    "minWorkers": "min_workers",
    "maxWorkers": "max_workers",
    "batchSize": "batch_size",
    "maxBatchDelay": "max_batch_delay",
    "responseTimeout": "response_timeout",
    "startupTimeout": "startup_timeout",
    "parallelLevel": "parallel_level",
}
"""The names of a snapshot."""


@dataclass(frozen=True, slots=True)
class RequestConfig:
    """What a registration asks for; None is "not given", and so are -1 (-100 for the delay), as in TorchServe."""

    batch_size: int | None = None
    max_batch_delay: int | None = None
    initial_workers: int | None = None
    response_timeout: int | None = None
    startup_timeout: int | None = None
    isolation: str | None = None
    threads: int | None = None
    at_startup: bool = False
    """Whether the server loads the model by itself: only then do the workers of the `models` setting count."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the server's configuration says of models that say nothing."""

    batch_size: int = 1
    max_batch_delay: int = 100
    response_timeout: int = TIMEOUT
    startup_timeout: int = TIMEOUT
    workers: int = 0
    """Of a registration."""
    startup_workers: int = 1
    """Of a model loaded at start."""
    job_queue_size: int = 100
    gpus: int = 0
    """How many GPUs there are: other device ids do not count."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """How a model version is served. Times are seconds; delays, client and sequence times are milliseconds."""

    min_workers: int = 0
    max_workers: int = 0
    batch_size: int = 1
    max_batch_delay: int = 100
    response_timeout: int = TIMEOUT
    startup_timeout: int = TIMEOUT
    max_retry_timeout: int = 300
    client_timeout: int = 0
    parallel_type: str = ""
    parallel_level: int = 0
    device_type: str = ""
    """What the archive asks for: "cpu", "gpu", or nothing."""
    device_ids: tuple[int, ...] = ()
    continuous_batching: bool = False
    use_job_ticket: bool = False
    use_venv: bool = False
    isolation: str = ""
    """Where workers run: as a "thread" of the server, each in a "process" of its own, or "": threads, if its packages
    allow that."""
    threads: int = 0
    """How many threads torch uses in each worker; 0 leaves it to the server."""
    async_communication: bool = False
    job_queue_size: int = 100
    stateful: bool = False
    sequence_max_idle: int = 0
    sequence_timeout: int = 0
    max_num_sequence: int = 0
    max_sequence_job_queue_size: int = 0

    @classmethod
    def merge(
        cls, request: RequestConfig, yaml: object, setting: Mapping[str, Any], defaults: Defaults
    ) -> "ModelConfig":
        """The configuration in force, with TorchServe's order of precedence.

        `yaml` is the content of model-config.yaml, `setting` what the `models` setting says of this version.
        Batch size and delay: request, yaml, setting, default. Timeouts: any yaml (120 where it says nothing), setting,
        request, default. Workers: yaml if it names a sound pair, then the request, or at start the setting; default.
        """
        said = server_settings(yaml)
        sources = _Sources(request, said if isinstance(yaml, dict) and yaml else None, setting, defaults)
        fields = {name: said[name] for name in AS_SAID if name in said}
        fields |= _workers(sources) | _batches(sources) | _timeouts(sources)
        fields |= _devices(said, defaults) | _sequences(said)
        own = {"isolation": request.isolation, "threads": request.threads}
        fields |= {name: value for name, value in own.items() if value is not None}
        if fields.get("use_venv"):
            fields.setdefault("isolation", "process")  # an environment of its own is a process's
        return cls(**fields)

    @classmethod
    def restore(cls, state: Mapping[str, Any], yaml: object, defaults: Defaults) -> "ModelConfig":
        """The configuration that a snapshot's entry of this version asks for; it wins over the YAML."""
        fields: dict[str, Any] = {"response_timeout": TIMEOUT, "startup_timeout": TIMEOUT}
        fields |= {field: int(state[name]) for name, field in STATE.items() if state.get(name) is not None}
        return replace(cls.merge(RequestConfig(isolation=state.get("isolation")), yaml, {}, defaults), **fields)


@dataclass(frozen=True, slots=True)
class _Sources:
    """Who says what: `said` is None where there is no YAML."""

    request: RequestConfig
    said: Mapping[str, Any] | None
    setting: Mapping[str, Any]
    defaults: Defaults

    def yaml(self, name: str) -> int | None:
        """What the YAML says, unless 0."""
        return (self.said or {}).get(name) or None

    def positive(self, key: str) -> int | None:
        """A number of the `models` setting; also one written as text, but only above 0."""
        try:
            number = parse_int(self.setting.get(key, 0))
        except ValueError as reason:
            LOG.error("Invalid %s in the models setting: expected %s, not %r", key, reason, self.setting[key])
            return None
        return number if number > 0 else None


def _workers(sources: _Sources) -> dict[str, int]:
    least, most = sources.yaml("min_workers") or 0, sources.yaml("max_workers") or 0
    if not 0 < least <= most:
        least, most = _asked_workers(sources)
    return {"min_workers": least, "max_workers": most}


def _asked_workers(sources: _Sources) -> tuple[int, int]:
    if sources.request.at_startup:
        default = sources.defaults.startup_workers
        return sources.positive("minWorkers") or default, sources.positive("maxWorkers") or default
    asked = max(0, _first(sources.request.initial_workers, sources.defaults.workers))
    return asked, asked


def _batches(sources: _Sources) -> dict[str, int]:
    request, defaults = sources.request, sources.defaults
    size = (_given(request.batch_size, -1), sources.yaml("batch_size"), sources.positive("batchSize"))
    delay = (_given(request.max_batch_delay, -100), sources.yaml("max_batch_delay"), sources.positive("maxBatchDelay"))
    return {
        "batch_size": _first(*size, defaults.batch_size),
        "max_batch_delay": _first(*delay, defaults.max_batch_delay),
        "job_queue_size": _first(sources.yaml("job_queue_size"), defaults.job_queue_size),
    }


def _timeouts(sources: _Sources) -> dict[str, int]:
    said, request, defaults = sources.said, sources.request, sources.defaults
    if said is not None:
        return {name: said.get(name, TIMEOUT) for name in ("response_timeout", "startup_timeout")}
    response = (sources.positive("responseTimeout"), _given(request.response_timeout, -1))
    startup = (sources.positive("startupTimeout"), _given(request.startup_timeout, -1))
    return {
        "response_timeout": _first(*response, defaults.response_timeout),
        "startup_timeout": _first(*startup, defaults.startup_timeout),
    }


def _devices(said: Mapping[str, Any], defaults: Defaults) -> dict[str, Any]:
    ids = said.get("device_ids", ())
    fields: dict[str, Any] = {"device_ids": ids if all(0 <= number < defaults.gpus for number in ids) else ()}
    if said.get("device_type") == "gpu" and not defaults.gpus:
        fields["device_type"] = "cpu"
    if said.get("parallel_type") and said.get("parallel_level"):  # neither means anything alone
        fields |= {name: said[name] for name in ("parallel_type", "parallel_level")}
    return fields


def _sequences(said: Mapping[str, Any]) -> dict[str, int]:
    """As TorchServe does: all of them are 0 unless sequences may idle, and then one is the least."""
    if not said.get("sequence_max_idle"):
        return {}
    least = {"sequence_timeout": 0, "max_num_sequence": 1, "max_sequence_job_queue_size": 1}
    return {"sequence_max_idle": said["sequence_max_idle"]} | {name: said.get(name, least[name]) for name in least}


def _given(number: int | None, default: int) -> int | None:
    return None if number == default else number


def _first(*numbers: int | None) -> int:
    """The first that is given; the last always is."""
    return next(number for number in numbers if number is not None)
