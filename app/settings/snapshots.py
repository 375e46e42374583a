"""The part of a snapshot that is not about models: the configuration in force."""

import sys
from collections.abc import Mapping

import ts

from app.settings import properties
from app.settings.model import Settings
from model_registry.snapshot import SnapshotWriter


def snapshot_writer(settings: Settings, gpus: int) -> SnapshotWriter | None:
    """The writer of snapshots to the folder `config` of the logs, None without snapshots; `gpus` are those in use."""
    if not settings.snapshots or settings.log_location is None:
        return None
    configuration = configuration_in_force(settings, gpus)

    def text(models: str) -> str:
        return properties.dump({**configuration, "model_snapshot": models}, "Saving snapshot")

    return SnapshotWriter(settings.log_location / "config", text, settings.max_snapshots)


def configuration_in_force(settings: Settings, gpus: int) -> Mapping[str, str]:
    """The configuration as it was written, and what TorchServe adds to it."""
    added = {
        "model_store": settings.model_store,
        "workflow_store": settings.workflow_store or settings.model_store,
        "number_of_gpu": gpus,
        "tsConfigFile": settings.config_file,
        "version": ts.__version__,
        "python": sys.executable,
    }
    return {**settings.given, **{key: str(value) for key, value in added.items() if value is not None}}
