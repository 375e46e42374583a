"""Configuration that changes nothing: keys that are unknown, and keys of TorchServe that have no effect here."""

import difflib
from collections.abc import Iterator, Mapping

from app.settings.model import KEYS
from app.settings.sources import Entry, PropertiesFile

_JAVA = "there is no Java here"
_NETTY = "one event loop serves all connections"
_LAUNCHER = "workers share the CPU cores without a launcher"
WITHOUT_EFFECT = {
    "async_logging": _JAVA,
    "cpp_log_config": "there is no C++ backend",
    "cpu_launcher_args": _LAUNCHER,
    "cpu_launcher_enable": _LAUNCHER,
    "initial_distribution_port": "torchrun is not used",
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


def unknown_keys(file: PropertiesFile) -> Iterator[str]:
    """A sentence for each key of the file that is no setting, with the setting that looks most like it."""
    for key, entry in file.entries.items():
        if key not in KEYS and key not in _SILENT:
            near = difflib.get_close_matches(key, KEYS, n=1)
            hint = f"; is {near[0]} meant?" if near else "."
            yield f"{entry.place}: the unknown key {key} is ignored{hint}"


def keys_without_effect(entries: Mapping[str, Entry]) -> Iterator[str]:
    """A sentence for each key that is set and has no effect here."""
    for key, reason in WITHOUT_EFFECT.items():
        if key in entries:
            yield f"{entries[key].place}: {key} has no effect: {reason}."
