"""The registry's state as TorchServe's snapshots tell it: written to a file after each change, and read back."""

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from model_registry.archive.naming import file_name
from model_registry.config import STATE
from model_registry.factory import Registration
from model_registry.model import Model
from model_registry.version import ModelVersion

LOG = logging.getLogger("marserve.snapshots")

Occasion = Literal["startup", "snapshot", "shutdown"]


class SnapshotWriter:
    """Writes snapshots to a folder. `text` makes the whole of a file from the value of its key `model_snapshot`."""

    def __init__(self, folder: Path, text: Callable[[str], str]) -> None:
        self._folder = folder
        self._text = text
        self._last = 0

    def __repr__(self) -> str:
        return f"<SnapshotWriter in {self._folder}>"

    def save(self, occasion: Occasion, models: Iterable[Model]) -> None:
        """Write the state of the models. A folder that cannot be written must not keep a server from serving."""
        created = self._last = max(self._last + 1, time.time_ns() // 1_000_000)
        name = f"{stamp(created)}-{occasion}.cfg"
        try:
            self._write(name, self._text(describe(name, created, models)))
        except OSError as error:
            LOG.warning("The snapshot %s is not written: %s", name, error)

    def _write(self, name: str, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        beside = self._folder / f".{name}"
        # The configuration may hold the password of a keystore.
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(text)
        beside.replace(self._folder / name)


def describe(name: str, created: int, models: Iterable[Model]) -> str:
    """The JSON of the snapshot `name`, made at `created` (milliseconds since 1970)."""
    state = {model.name: {number: _entry(model, one) for number, one in model.versions.items()} for model in models}
    count = sum(map(len, state.values()))
    return json.dumps({"name": name, "modelCount": count, "created": created, "models": state}, indent=2)


def registrations(snapshot: Mapping[str, Any]) -> Iterator[Registration]:
    """What to register so that the state of a snapshot is back; workers load in the background."""
    for name, versions in snapshot["models"].items():
        for entry in versions.values():
            yield Registration(
                str(entry.get("marName", "")), name, entry.get("handler"), entry.get("runtimeType"),
                wait=False, state=entry,
            )  # fmt: skip


def stamp(milliseconds: int) -> str:
    """A moment as the names of snapshots begin with it, in local time, as TorchServe does: newer ones sort later."""
    moment = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    return f"{moment:%Y%m%d%H%M%S}{milliseconds % 1000:03d}"


def _entry(model: Model, version: ModelVersion) -> dict[str, Any]:
    config, manifest = version.config, version.archive.manifest
    entry: dict[str, Any] = {"defaultVersion": version.version == model.default, "marName": _mar_name(version)}
    entry |= {name: getattr(config, field) for name, field in STATE.items()}
    entry["runtimeType"] = manifest.runtime
    if not config.parallel_level:
        del entry["parallelLevel"]
    if config.isolation:
        entry["isolation"] = config.isolation
    if manifest.handler != manifest.raw.get("model", {}).get("handler"):
        # The registration named it. TorchServe does not keep that, and passes over what it does not know.
        entry["handler"] = manifest.handler
    return entry


def _mar_name(version: ModelVersion) -> str:
    """How the store finds the archive again: by its file's name, or by the absolute path of a folder."""
    url = version.archive.url
    return url if version.archive.folder.is_symlink() and Path(url).is_absolute() else file_name(url)
