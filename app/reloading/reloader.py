"""`marserve serve --reload DIR`: archives that are loaded anew whenever their files change."""

import logging
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import anyio
from anyio import to_thread

from app.model_server import ModelServer
from app.reloading.file_watcher import Stamp, changed_files, forget, likeness, stamps
from model_registry.archive.implicit.manifest import HANDLER_FILE
from model_registry.archive.manifest import Manifest
from model_registry.archive.naming import default_name
from model_registry.errors import RegistryError
from model_registry.registration import Registration
from model_registry.registry import Registry
from model_registry.version import ModelVersion

LOG = logging.getLogger("marserve.reload")
INTERVAL = 0.5
"""Seconds between two looks at the files; nobody looks unless --reload was asked for."""
NAMED = 5
"""How many changed files a line of the log names."""


async def follow_changes(server: ModelServer) -> None:
    """Serve the archives that `settings.reload` names, and follow their changes; does nothing without it."""
    folder = server.settings.reload
    if folder is None:
        return
    with tempfile.TemporaryDirectory(prefix="marserve-reload-") as place:
        reload = Reload(server.registry, folder, Path(place))
        while True:
            try:
                await reload.look()
            except Exception:
                LOG.exception("A change could not be followed; the next one may be.")
            await anyio.sleep(INTERVAL)


@dataclass(frozen=True, slots=True)
class Served:
    """A version, and the folder with its likeness."""

    version: ModelVersion
    place: Path


class Reload:
    """Keeps a registry in step with the archives of one folder.

    A changed archive is loaded beside what serves, under the same name; then it becomes the default and the old one
    is unregistered. Where it does not load the old one goes on. A change counts when two looks find the same files.
    """

    def __init__(self, registry: Registry, folder: Path, place: Path) -> None:
        self._registry = registry
        self._folder = folder
        self._place = place
        self._seen: dict[Path, Stamp] | None = None
        self._tried: dict[Path, Stamp] = {}
        self._served: dict[Path, Served] = {}
        self._turns = count(1)

    def __repr__(self) -> str:
        names = ", ".join(f"{each.version.name} {each.version.version}" for each in self._served.values())
        return f"<Reload of {self._folder}: {names or 'nothing'}>"

    async def look(self) -> None:
        """Look at the files once, and act on what has changed and settled since."""
        now = await to_thread.run_sync(stamps, self._folder)
        if self._seen is None:
            LOG.info("Following %s: %s.", self._folder, ", ".join(path.name for path in now) or "nothing to serve yet")
        before, self._seen = now if self._seen is None else self._seen, now
        for path in [path for path in self._served if path not in now and path not in before]:
            await self._drop(path)
        for path, stamp in now.items():
            if before.get(path) == stamp and self._tried.get(path) != stamp:
                await self._load(path, stamp)

    async def _load(self, path: Path, stamp: Stamp) -> None:
        old, changed = self._served.get(path), changed_files(self._tried.get(path, stamp), stamp)
        self._tried[path] = stamp
        if changed:
            more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
            LOG.info("%s: %s%s changed; loading it anew.", path.name, ", ".join(changed[:NAMED]), more)
        try:
            new = await self._register(path)
        except (RegistryError, OSError) as error:
            cause = f" ({error.__cause__})" if error.__cause__ else ""
            rest = f"{old.version.version} goes on serving" if old else "waiting for a change"
            LOG.error("%s does not load: %s%s; %s.", path.name, error, cause, rest)
            return
        self._served[path] = new
        await self._switch(old, new)

    async def _register(self, path: Path) -> Served:
        """Load what is there now, with one worker, as a version of its own; leaves nothing behind when that fails."""
        turn = next(self._turns)
        place = self._place / str(turn)
        try:
            wanted = await to_thread.run_sync(_registration, path, place, f"-{turn}" if path in self._served else "")
            return Served(await self._registry.register(wanted), place)
        except BaseException:
            await to_thread.run_sync(forget, place)
            raise

    async def _switch(self, old: Served | None, new: Served) -> None:
        version = new.version
        with suppress(RegistryError):  # somebody may have unregistered it meanwhile
            self._registry.set_default(version.name, version.version)
        LOG.info("%s %s serves now.", version.name, version.version)
        if old is not None:
            await self._end(old)

    async def _drop(self, path: Path) -> None:
        LOG.info("%s is gone and served no more.", path.name)
        self._tried.pop(path, None)
        await self._end(self._served.pop(path))

    async def _end(self, served: Served) -> None:
        with suppress(RegistryError):
            await self._registry.unregister(served.version.name, served.version.version)
        await to_thread.run_sync(forget, served.place)


def _registration(path: Path, place: Path, suffix: str) -> Registration:
    """What to register for the archive as it is now; blocks. Raises RegistryError or OSError."""
    place.mkdir()
    folder = likeness(path, place)
    unnamed = Manifest.read(folder).handler is None and (folder / HANDLER_FILE).is_file()
    return Registration(
        str(folder),
        handler=HANDLER_FILE if unnamed else None,
        initial_workers=1,
        fallback_name=default_name(path.name),
        version_suffix=suffix,
    )
