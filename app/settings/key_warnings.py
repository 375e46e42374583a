"""Warnings about keys at the start: unknown ones, those without effect, and those that TorchServe ignores."""

import difflib
from collections.abc import Iterable, Iterator, Mapping

from app.settings.model import KEYS
from app.settings.sources import Entry, PropertiesFile
from app.settings.variables import ALWAYS_READ, OUR_VARIABLES, TS_VARIABLES
from model_registry.archive.model_yaml import SETTINGS

KNOWN_VARIABLES = frozenset({*ALWAYS_READ, *OUR_VARIABLES, *TS_VARIABLES, "TS_CONFIG_FILE"})
_JAVA = "there is no Java here"
_NETTY = "one event loop serves all connections"
_LAUNCHER = "workers share the CPU cores without a launcher"
WITHOUT_EFFECT = {
    "async_logging": _JAVA,
    "cpp_log_config": "there is no C++ backend",
    "cpu_launcher_args": _LAUNCHER,
    "cpu_launcher_enable": _LAUNCHER,
    "initial_distribution_port": "each group of processes finds a free port",
    "io_ratio": _NETTY,
    "keystore_type": "the file of the key store tells its type",
    "netty_client_threads": _NETTY,
    "number_of_netty_threads": _NETTY,
    "plugins_path": "Java plugins are not loaded",
    "prefer_direct_buffer": _NETTY,
    "system_metrics_cmd": "the server reads the system metrics itself",
    "unregister_model_timeout": "a version that is unregistered answers what it has accepted, within drain_timeout",
    "use_native_io": _NETTY,
    "vmargs": _JAVA,
}
"""The reason of each."""
_SILENT = {"python", "version", "tsConfigFile", "model_server_home"}
"""Keys of snapshots and of SageMaker's file, which are no one's mistake."""


_FOR_OTHER_NAMES = {
    "batch_delay": "max_batch_delay",
    "cors_allow_headers": "cors_allowed_headers",
    "cors_allow_methods": "cors_allowed_methods",
    "cors_allow_origin": "cors_allowed_origin",
    "disable_token_auth": "disable_token_authorization",
    "enable_metrics": "enable_metrics_api",
    "grpc_port": "grpc_inference_port",
    "host": "inference_address",
    "inference_host": "inference_address",
    "inference_port": "inference_address",
    "initial_workers": "default_workers_per_model",
    "install_dependencies": "install_py_dep_per_model",
    "install_requirements": "install_py_dep_per_model",
    "log_dir": "LOG_LOCATION (a variable)",
    "management_port": "management_address",
    "max_body_size": "max_request_size",
    "max_workers": "default_workers_per_model",
    "metrics_format": "metrics_mode",
    "metrics_port": "metrics_address",
    "min_workers": "default_workers_per_model",
    "num_workers": "default_workers_per_model",
    "port": "inference_address",
    "queue_size": "job_queue_size",
    "response_timeout": "default_response_timeout",
    "ssl_certificate": "certificate_file",
    "ssl_key": "private_key_file",
    "startup_timeout": "default_startup_timeout",
    "store": "model_store",
    "timeout": "default_response_timeout",
    "token": "MARSERVE_MANAGEMENT_TOKEN (a variable)",
    "workers": "default_workers_per_model",
    "workers_per_model": "default_workers_per_model",
}
"""The key that does the job, for names that others give it."""
_IGNORED_BY_TORCHSERVE = ("batch_size", "max_batch_delay")


def key_warnings(file: PropertiesFile, in_force: Mapping[str, Entry]) -> Iterator[str]:
    """A sentence for each key without the effect that TorchServe's documents describe."""
    for key, entry in file.entries.items():
        if key not in KEYS and key not in _SILENT:
            yield f"{entry.place}: the unknown key {key} is ignored{_hint(key)}"
    for key, reason in WITHOUT_EFFECT.items():
        if key in in_force:
            yield f"{in_force[key].place}: {key} has no effect: {reason}."
    if ours := [f"{key}={in_force[key].text}" for key in _IGNORED_BY_TORCHSERVE if key in in_force]:
        yield f"{' and '.join(ours)} will be the default of models that name none; TorchServe ignores it."


def variable_warnings(environ: Iterable[str]) -> Iterator[str]:
    """A sentence for each variable whose name is nearly that of a key's variable."""
    for name in sorted(environ):
        if name.startswith(("TS_", "MARSERVE_")) and name not in KNOWN_VARIABLES:
            for meant in difflib.get_close_matches(name, KNOWN_VARIABLES, n=1, cutoff=0.85):
                yield f"variable {name} is ignored; is {meant} meant?"


def _hint(key: str) -> str:
    """The key that was probably meant, as the end of a sentence."""
    plain = key.lower().removeprefix("ts_").replace("-", "_")
    names = _FOR_OTHER_NAMES | {known: known for known in KEYS}
    exact = {name.replace("_", ""): known for name, known in names.items()}.get(plain.replace("_", ""))
    meant = exact or next(iter(difflib.get_close_matches(plain, KEYS, n=1)), None)
    if key in SETTINGS:
        also = f", or {meant} here" if meant else ""
        return f"; it is a key of an archive's model-config.yaml{also}."
    return f"; is {meant} meant?" if meant else "."
