"""The registry's state in the format of TorchServe's snapshots: written after each change, and read back."""

import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from model_registry.archive.naming import file_name
from model_registry.config import SNAPSHOT_NAMES
from model_registry.files.atomic_file import atomic_file
from model_registry.model import Model
from model_registry.object_storage.address import is_object_url
from model_registry.registration import Registration
from model_registry.version import ModelVersion

LOG = logging.getLogger("marserve.snapshots")

NAME = re.compile(r"\d{17}-(startup|snapshot|shutdown)\.cfg")
MAX_SNAPSHOTS = 100
Occasion = Literal["startup", "snapshot", "shutdown"]


class StateWriter(Protocol):
    """Keeps the state of the models over a restart."""

    def save(self, occasion: Occasion, models: Iterable[Model]) -> None:
        """Write the state; raises nothing."""


class SnapshotWriter:
    """Writes snapshots to a folder, where only the newest are kept.

    `render` turns the value of the key `model_snapshot` into a whole file.
    """

    def __init__(self, folder: Path, render: Callable[[str], str], kept: int = MAX_SNAPSHOTS) -> None:
        self._folder = folder
        self._render = render
        self._kept = kept
        self._last = 0

    def __repr__(self) -> str:
        return f"<SnapshotWriter {self._folder}>"

    def save(self, occasion: Occasion, models: Iterable[Model]) -> None:
        """Write the state of the models; a folder that cannot be written costs a warning only."""
        created = self._last = max(self._last + 1, time.time_ns() // 1_000_000)
        name = f"{timestamp(created)}-{occasion}.cfg"
        content = self._render(describe(name, created, models)).encode("ascii")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with atomic_file(self._folder / name, 0o600) as file:  # it may hold the password of a keystore
                file.write(content)
            self._prune()
        except OSError as error:
            LOG.warning("The snapshot %s is not written: %s", name, error)

    def _prune(self) -> None:
        names = sorted(path.name for path in self._folder.iterdir() if NAME.fullmatch(path.name))
        for name in names[: -self._kept]:
            (self._folder / name).unlink(missing_ok=True)


def describe(name: str, created: int, models: Iterable[Model]) -> str:
    """The JSON of the snapshot `name`, made at `created` (milliseconds since 1970)."""
    state = {model.name: {key: _entry(model, version) for key, version in model.versions.items()} for model in models}
    count = sum(map(len, state.values()))
    return json.dumps({"name": name, "modelCount": count, "created": created, "models": state}, indent=2)


def registrations(snapshot: Mapping[str, Any]) -> Iterator[Registration]:
    """The registrations that restore a snapshot; workers load in the background."""
    for name, versions in snapshot["models"].items():
        for entry in versions.values():
            yield Registration(
                str(entry.get("marName", "")), name, entry.get("handler"), entry.get("runtimeType"),
                isolation=entry.get("isolation"), wait=False, state=entry,
            )  # fmt: skip


def timestamp(milliseconds: int) -> str:
    """The first part of a snapshot's name, in local time as TorchServe has it; later ones sort later."""
    moment = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    return f"{moment:%Y%m%d%H%M%S}{milliseconds % 1000:03d}"


def _entry(model: Model, version: ModelVersion) -> dict[str, Any]:
    config, manifest = version.config, version.archive.manifest
    entry: dict[str, Any] = {"defaultVersion": version.version == model.default, "marName": _mar_name(version)}
    entry |= {name: getattr(config, field) for name, field in SNAPSHOT_NAMES.items()}
    entry["runtimeType"] = manifest.runtime
    if not config.parallel_level:
        del entry["parallelLevel"]
    if config.isolation != "auto":
        entry["isolation"] = config.isolation
    if manifest.handler != manifest.raw.get("model", {}).get("handler"):
        # the registration named it: TorchServe does not keep that, and ignores keys it does not know
        entry["handler"] = manifest.handler
    if entry["defaultVersion"] and model.traffic is not None and (state := model.traffic.to_json()):
        entry["traffic"] = state
    return entry


def _mar_name(version: ModelVersion) -> str:
    """The url that finds the archive again: its file's name, an object's address, or the absolute path of a folder."""
    url = version.archive.url
    if is_object_url(url):
        return url
    return url if version.archive.folder.is_symlink() and Path(url).is_absolute() else file_name(url)
