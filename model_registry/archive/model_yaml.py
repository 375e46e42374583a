"""model-config.yaml: the file in the archive, and the settings in it that the server obeys."""

import difflib
import logging
import reprlib
from collections.abc import Callable
from typing import Any

import yaml

from handler.tensors.archives.declaration import parse_tensors
from model_registry.archive.archive import Archive
from model_registry.archive.unpack import UnsafeArchive, safe_path
from model_registry.errors import InvalidModel, UnboundedConfig
from model_registry.files.documents import BeyondLimits, load_yaml, read_bytes
from model_registry.parsing.values import parse_choice, require_bool, require_int

LOG = logging.getLogger("marserve.config")

MAX_THREADS = 1024

Rule = Callable[[Any], Any]


def load_model_config(archive: Archive) -> Any:
    """The content of the YAML file that the manifest names, read at each call; {} if it names none.

    Usually a dict, None if the file is empty. Raises UnboundedConfig, or else InvalidModel if there is no such file or
    it is no YAML.
    """
    if archive.manifest.config_file is None:
        return {}
    try:
        return load_yaml(read_bytes(archive.folder / safe_path(archive.manifest.config_file)))
    except BeyondLimits as reason:
        raise UnboundedConfig(str(reason)) from reason
    except (OSError, ValueError, yaml.YAMLError, UnsafeArchive) as reason:
        raise InvalidModel.bad_config() from reason


def readable_model_config(archive: Archive) -> Any:
    """The same, but {} for a file that cannot be read: as in TorchServe the model is registered without workers.

    Raises UnboundedConfig.
    """
    try:
        return load_model_config(archive)
    except UnboundedConfig:
        raise
    except InvalidModel as error:
        LOG.error("%s %s: %s", archive.url, error, error.__cause__)
        return {}


def server_settings(config: object) -> dict[str, Any]:
    """The settings that the server knows, by their names in ModelConfig; invalid ones are logged and ignored."""
    settings: dict[str, Any] = {}
    for key, value in config.items() if isinstance(config, dict) else ():
        if key in SETTINGS:
            name, rule = SETTINGS[key]
            try:
                settings[name] = rule(value)
            except ValueError as reason:
                LOG.warning(
                    "Invalid %s in a model's configuration: expected %s, not %s", key, reason, reprlib.repr(value)
                )
            else:
                if isinstance(value, int) and settings[name] != value and name != "parallel_level":
                    LOG.warning("%s: %d in a model's configuration counts as %d.", key, value, settings[name])
        elif meant := similar_key(str(key)):
            LOG.warning("The key %s in a model's configuration is left to its handler; is %s meant?", key, meant)
    return settings


def similar_key(key: str) -> str | None:
    """The key of the server that an unknown one of a model's configuration is probably meant to be."""
    known = {name.lower(): name for name in SETTINGS}
    near = difflib.get_close_matches(key.lower().replace("_", ""), known, n=1, cutoff=0.8)
    return known[near[0]] if near and key not in LIBRARY_KEYS else None


def _raised_to(minimum: int) -> Rule:
    """Integers, smaller ones raised to the minimum."""
    return lambda value: max(minimum, require_int(value))


def _at_least(minimum: int) -> Rule:
    return lambda value: require_int(value, minimum)


def _between(minimum: int, maximum: int) -> Rule:
    return lambda value: require_int(value, minimum, maximum)


def _one_of(*choices: str) -> Rule:
    return lambda value: parse_choice(value, *choices)


def _integers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise ValueError("a list of integers")
    return tuple(require_int(item) for item in value)


def _processes(torchrun: object) -> int:
    """The level of parallelism that torchrun's parameters imply."""
    if not isinstance(torchrun, dict):
        raise ValueError("a map of torchrun's parameters")
    return max(1, require_int(torchrun.get("nproc-per-node", 1)))


LIBRARY_KEYS = frozenset({"pt2", "onnx", "handler", "micro_batching", "dali", "pippy", "deepspeed", "warmup"})
"""Keys that the `ts` package, its examples and the warm-up read."""
SETTINGS: dict[str, tuple[str, Rule]] = {
    "minWorkers": ("min_workers", _raised_to(1)),
    "maxWorkers": ("max_workers", _at_least(0)),
    "batchSize": ("batch_size", _raised_to(1)),
    "maxBatchDelay": ("max_batch_delay", _at_least(0)),
    "responseTimeout": ("response_timeout", _at_least(1)),
    "startupTimeout": ("startup_timeout", _at_least(1)),
    "maxRetryTimeoutInSec": ("max_retry_timeout", _raised_to(0)),
    "clientTimeoutInMills": ("client_timeout", _raised_to(0)),
    "jobQueueSize": ("job_queue_size", _raised_to(0)),
    "useJobTicket": ("use_job_ticket", require_bool),
    "deviceType": ("device_type", _one_of("cpu", "gpu", "")),
    "deviceIds": ("device_ids", _integers),
    "parallelType": ("parallel_type", _one_of("pp", "tp", "pptp", "custom", "")),
    "parallelLevel": ("parallel_level", _at_least(0)),
    "torchrun": ("parallel_level", _processes),
    "continuousBatching": ("continuous_batching", require_bool),
    "asyncCommunication": ("async_communication", require_bool),
    "useVenv": ("use_venv", require_bool),
    "isolation": ("isolation", _one_of("auto", "thread", "process")),
    "threads": ("threads", _between(1, MAX_THREADS)),
    "adaptiveBatching": ("adaptive_batching", require_bool),
    "threadTuning": ("thread_tuning", require_bool),
    "loopPacing": ("loop_pacing", require_bool),
    "lockDetection": ("lock_detection", require_bool),
    "sequenceBatching": ("stateful", require_bool),
    "sequenceMaxIdleMSec": ("sequence_max_idle", _raised_to(0)),
    "sequenceTimeoutMSec": ("sequence_timeout", _raised_to(0)),
    "maxNumSequence": ("max_num_sequence", _raised_to(1)),
    "maxSequenceJobQueueSize": ("max_sequence_job_queue_size", _raised_to(1)),
    "tensors": ("tensors", parse_tensors),
}
