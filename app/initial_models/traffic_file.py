"""The traffic of the models, kept in the folder of their archives where no snapshots are written."""

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from model_registry.files.atomic_file import atomic_file
from model_registry.model import Model
from model_registry.snapshot import Occasion, describe

LOG = logging.getLogger("marserve.traffic")
FILE_NAME = ".marserve-traffic.json"


class TrafficFile:
    """Keeps the models that have rules or a rollout, each with its versions, in the format of snapshots."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._written = ""

    def __repr__(self) -> str:
        return f"<TrafficFile {self._path}>"

    def save(self, occasion: Occasion, models: Iterable[Model]) -> None:
        """Write what has changed; without any traffic there is no file. One that cannot be written is a warning."""
        kept = [model for model in models if model.traffic is not None and model.traffic.to_json()]
        text = describe(FILE_NAME, 0, kept) if kept else ""
        if text == self._written or occasion == "shutdown":
            return
        try:
            if kept:
                with atomic_file(self._path) as file:
                    file.write(text.encode())
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            LOG.warning("The traffic of the models is not kept over a restart: %s", error)
        self._written = text

    def read(self) -> Mapping[str, Any]:
        """The kept models as a snapshot has them; none where there is no file, or one that cannot be read."""
        try:
            models = json.loads(self._path.read_bytes())["models"]
            return {"models": models} if isinstance(models, dict) else {"models": {}}
        except FileNotFoundError:
            return {"models": {}}
        except (OSError, ValueError, KeyError, TypeError) as error:
            LOG.warning("%s is not read, so that default versions serve: %s", self._path, error)
            return {"models": {}}
