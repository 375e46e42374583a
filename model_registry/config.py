"""The configuration of one model version: the archive's YAML, the server's and the registration's, merged."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from handler.tensors.archives.declaration import TensorDeclaration
from model_registry.archive.model_yaml import server_settings
from model_registry.errors import TooManyWorkers
from model_registry.parsing.values import parse_int
from model_registry.registration import Registration
from model_registry.server_defaults import (
    DEFAULT_MAX_BATCH_DELAY_MS,
    DEFAULT_TIMEOUT_SECONDS,
    JSON_MAX_BATCH_DELAY_MS,
    ServerDefaults,
)

MAX_WORKERS = 1000
"""More workers of one version are a mistake, which would take the machine down with it."""
LOG = logging.getLogger("marserve.config")
BAD_RANGE = "minWorkers: %d with maxWorkers: %d counts for nothing: both are needed, and minWorkers is the lower one."
FROM_YAML_ALONE = (
    "max_retry_timeout", "client_timeout", "use_job_ticket", "device_type", "continuous_batching",
    "async_communication", "use_venv", "stateful", "tensors",
)  # fmt: skip
SWITCHES = ("adaptive_batching", "thread_tuning", "loop_pacing", "lock_detection")
"""The learned controllers of docs/batching.md, and that of docs/isolation.md."""
RANK_TYPES = ("tp", "pp", "pptp")
"""The parallel types for which TorchServe starts torchrun."""
SNAPSHOT_NAMES = {
    "minWorkers": "min_workers",
    "maxWorkers": "max_workers",
    "batchSize": "batch_size",
    "maxBatchDelay": "max_batch_delay",
    "responseTimeout": "response_timeout",
    "startupTimeout": "startup_timeout",
    "parallelLevel": "parallel_level",
}


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The configuration of a model version. Times are seconds; delays, client and sequence times are milliseconds."""

    min_workers: int = 0
    max_workers: int = 0
    batch_size: int = 1
    max_batch_delay: int = DEFAULT_MAX_BATCH_DELAY_MS
    response_timeout: int = DEFAULT_TIMEOUT_SECONDS
    startup_timeout: int = DEFAULT_TIMEOUT_SECONDS
    max_retry_timeout: int = 300
    client_timeout: int = 0
    parallel_type: str = ""
    parallel_level: int = 0
    device_type: str = ""
    """The kind of device that the archive requires: "cpu", "gpu", or "" for any."""
    device_ids: tuple[int, ...] = ()
    continuous_batching: bool = False
    use_job_ticket: bool = False
    use_venv: bool = False
    isolation: str = "auto"
    """Where workers are to run: as a "thread" of the server, each in a "process" of its own, or, with "auto", as
    threads unless the archive needs processes."""
    in_process: bool = False
    """Whether those that start from now on are processes."""
    threads: int = 0
    """The number of torch's threads in each worker; 0 leaves it to the server."""
    async_communication: bool = False
    job_queue_size: int = 100
    workers_are_default: bool = True
    """Whether the numbers of workers are the server's, as neither the archive nor the user has given any."""
    adaptive_batching: bool = True
    """Whether the time to gather a batch is learned; else it is always `max_batch_delay`, as in TorchServe."""
    thread_tuning: bool = True
    """Whether the number of threads that compute a batch is learned; else it is always the worker's share."""
    loop_pacing: bool = True
    """Whether the event loop may wait for quick batches; else it never does."""
    lock_detection: bool = True
    """Whether workers whose code keeps the interpreter's lock become processes; else they stay as they are."""
    stateful: bool = False
    sequence_max_idle: int = 0
    sequence_timeout: int = 0
    max_num_sequence: int = 0
    max_sequence_job_queue_size: int = 0
    tensors: TensorDeclaration | Literal["auto"] | None = None
    """The inputs and outputs of a model that takes tensors as they are."""

    @property
    def ranks(self) -> int:
        """The number of processes that serve together in one worker; 0 where torchrun has no part in it."""
        return max(1, self.parallel_level) if self.parallel_type in RANK_TYPES else 0

    @property
    def outlasts_its_batches(self) -> bool:
        """Whether answers do not follow from batches alone: in a stateful, continuous or asynchronous model."""
        return self.stateful or self.continuous_batching or self.async_communication

    def __post_init__(self) -> None:
        most = max(self.min_workers, self.max_workers)
        if most > MAX_WORKERS:
            raise TooManyWorkers(most, MAX_WORKERS)

    @classmethod
    def merge(
        cls, request: Registration, yaml: object, setting: Mapping[str, Any], defaults: ServerDefaults
    ) -> "ModelConfig":
        """The configuration in force, with TorchServe's order of precedence.

        `yaml` is the content of model-config.yaml, `setting` the version's entry in the `models` setting.
        Batch size and delay: request, yaml, setting, default. Timeouts: any yaml (120 where it names none), setting,
        request, default. Workers: yaml if it names a valid pair, then the request, or at start the setting; default.
        A snapshot's entry wins over all, but where requests share no batches.
        """
        sources = _Sources(request, server_settings(yaml), isinstance(yaml, dict) and bool(yaml), setting, defaults)
        fields = {name: sources.yaml[name] for name in FROM_YAML_ALONE if name in sources.yaml}
        fields |= sources.workers() | sources.batches() | sources.timeouts() | sources.devices()
        fields |= sources.isolation() | sources.sequences()
        if request.state is not None:
            state = request.state
            fields |= dict.fromkeys(("response_timeout", "startup_timeout"), DEFAULT_TIMEOUT_SECONDS)
            fields |= {field: int(state[name]) for name, field in SNAPSHOT_NAMES.items() if state.get(name) is not None}
            fields["workers_are_default"] = False
        if not defaults.batches_requests:
            fields["batch_size"] = 1
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class _Sources:
    """All that is known about a version; each method returns some fields of its ModelConfig."""

    request: Registration
    yaml: Mapping[str, Any]
    has_yaml: bool
    setting: Mapping[str, Any]
    defaults: ServerDefaults

    def workers(self) -> dict[str, Any]:
        minimum, maximum = self.yaml.get("min_workers") or 0, self.yaml.get("max_workers") or 0
        given: tuple[int | None, ...] = (minimum,)
        if not 0 < minimum <= maximum:
            if minimum or maximum:
                LOG.warning(BAD_RANGE, minimum, maximum)
            if self.request.at_startup:
                default = self.defaults.startup_workers
                given = self._from_setting("minWorkers"), self._from_setting("maxWorkers")
                minimum, maximum = (number or default for number in given)
            else:
                given = (self.request.initial_workers,)
                minimum = maximum = max(0, _first(*given, self.defaults.workers))
        is_default = not self.defaults.workers_are_given and not any(number is not None for number in given)
        return {"min_workers": minimum, "max_workers": maximum, "workers_are_default": is_default}

    def batches(self) -> dict[str, Any]:
        request, defaults, yaml = self.request, self.defaults, self.yaml
        size = _given(request.batch_size, -1), yaml.get("batch_size"), self._from_setting("batchSize")
        asked = _given(request.max_batch_delay, -100)
        if defaults.max_batch_delay is not None:
            asked = _given(asked, JSON_MAX_BATCH_DELAY_MS)
        # A delay of 0 in the YAML counts as none given, as in TorchServe.
        delay = (
            asked,
            yaml.get("max_batch_delay") or None,
            self._from_setting("maxBatchDelay"),
            defaults.max_batch_delay,
        )
        return {
            "batch_size": _first(*size, defaults.batch_size),
            "max_batch_delay": _first(*delay, DEFAULT_MAX_BATCH_DELAY_MS),
            "job_queue_size": _first(yaml.get("job_queue_size") or None, defaults.job_queue_size),
            **{name: yaml.get(name, getattr(defaults, name)) for name in SWITCHES},
        }

    def timeouts(self) -> dict[str, int]:
        names = {"response_timeout": "responseTimeout", "startup_timeout": "startupTimeout"}
        if self.has_yaml:
            return {name: self.yaml.get(name, DEFAULT_TIMEOUT_SECONDS) for name in names}
        return {
            name: _first(self._from_setting(key), _given(getattr(self.request, name), -1), getattr(self.defaults, name))
            for name, key in names.items()
        }

    def devices(self) -> dict[str, Any]:
        ids = self.yaml.get("device_ids", ())
        fields: dict[str, Any] = {"device_ids": ids if all(0 <= id_ < self.defaults.gpus for id_ in ids) else ()}
        if self.yaml.get("device_type") == "gpu" and not self.defaults.gpus:
            fields["device_type"] = "cpu"
        if self.yaml.get("parallel_type") and self.yaml.get("parallel_level"):  # neither means anything alone
            fields |= {name: self.yaml[name] for name in ("parallel_type", "parallel_level")}
        return fields

    def isolation(self) -> dict[str, Any]:
        # A virtual environment needs a process.
        default = "process" if self.yaml.get("use_venv") else "auto"
        isolation = self.request.isolation or self.yaml.get("isolation") or default
        in_process = isolation == "process"
        return {
            "isolation": isolation,
            "in_process": in_process,
            "threads": _first(self.request.threads, self.yaml.get("threads"), 0),
        }

    def sequences(self) -> dict[str, int]:
        """As in TorchServe: all of them are 0 unless sequences may idle, and then one is the minimum."""
        if not self.yaml.get("sequence_max_idle"):
            return {}
        minima = {"sequence_timeout": 0, "max_num_sequence": 1, "max_sequence_job_queue_size": 1}
        fields = {name: self.yaml.get(name, minimum) for name, minimum in minima.items()}
        return {"sequence_max_idle": self.yaml["sequence_max_idle"], **fields}

    def _from_setting(self, key: str) -> int | None:
        """A positive number of the `models` setting, which may be written as text."""
        try:
            number = parse_int(self.setting.get(key, 0))
        except ValueError as reason:
            LOG.error("Invalid %s in the models setting: expected %s, not %r", key, reason, self.setting[key])
            return None
        return number if number > 0 else None


def _given(number: int | None, default: int) -> int | None:
    return None if number == default else number


def _first(*numbers: int | None) -> int:
    """The first that is given; the last always is."""
    return next(number for number in numbers if number is not None)
