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
from app.reloading.file_watcher import Stamp, changed_files, discard, read_stamps, stage
from model_registry.archive.implicit.manifest import HANDLER_FILE
from model_registry.archive.manifest import Manifest
from model_registry.archive.naming import default_name
from model_registry.errors import RegistryError
from model_registry.registration import Registration
from model_registry.registry import Registry
from model_registry.version import ModelVersion

LOG = logging.getLogger("marserve.reload")
CHECK_INTERVAL_SECONDS = 0.5
MAX_NAMED_FILES = 5


async def follow_changes(server: ModelServer) -> None:
    """Serve the archives that `settings.reload` names, and follow their changes; does nothing without it."""
    folder = server.settings.reload
    if folder is None:
        return
    with tempfile.TemporaryDirectory(prefix="marserve-reload-") as place:
        reloader = Reloader(server.registry, folder, Path(place))
        while True:
            try:
                await reloader.check()
            except Exception:
                LOG.exception("A change could not be followed; the next one may be.")
            await anyio.sleep(CHECK_INTERVAL_SECONDS)


@dataclass(frozen=True, slots=True)
class ServedArchive:
    """A version, and the folder that it was staged in."""

    version: ModelVersion
    place: Path


class Reloader:
    """Keeps a registry in step with the archives of one folder.

    A changed archive is loaded beside what serves, under the same name; then it becomes the default and the old one
    is unregistered. Where it does not load the old one goes on. A change counts when two checks find the same files.
    """

    def __init__(self, registry: Registry, folder: Path, place: Path) -> None:
        self._registry = registry
        self._folder = folder
        self._place = place
        self._seen: dict[Path, Stamp] | None = None
        self._tried: dict[Path, Stamp] = {}
        self._served: dict[Path, ServedArchive] = {}
        self._numbers = count(1)

    def __repr__(self) -> str:
        names = ", ".join(f"{each.version.name} {each.version.version}" for each in self._served.values())
        return f"<Reloader of {self._folder}: {names or 'nothing'}>"

    async def check(self) -> None:
        """Check the files once, and load what has changed since and was not still being written."""
        now = await to_thread.run_sync(read_stamps, self._folder)
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
            more = f" and {len(changed) - MAX_NAMED_FILES} more" if len(changed) > MAX_NAMED_FILES else ""
            LOG.info("%s: %s%s changed; loading it anew.", path.name, ", ".join(changed[:MAX_NAMED_FILES]), more)
        try:
            new = await self._register(path)
        except (RegistryError, OSError) as error:
            cause = f" ({error.__cause__})" if error.__cause__ else ""
            consequence = f"{old.version.version} goes on serving" if old else "waiting for a change"
            LOG.error("%s does not load: %s%s; %s.", path.name, error, cause, consequence)
            return
        self._served[path] = new
        await self._switch(old, new)

    async def _register(self, path: Path) -> ServedArchive:
        """Load the archive as it is now, with one worker, as a version of its own; leaves nothing if it fails."""
        number = next(self._numbers)
        place = self._place / str(number)
        try:
            registration = await to_thread.run_sync(
                _registration, path, place, f"-{number}" if path in self._served else ""
            )
            return ServedArchive(await self._registry.register(registration), place)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(discard, place)
            raise

    async def _switch(self, old: ServedArchive | None, new: ServedArchive) -> None:
        version = new.version
        with suppress(RegistryError):  # it may have been unregistered meanwhile
            self._registry.set_default(version.name, version.version)
        LOG.info("%s %s serves now.", version.name, version.version)
        if old is not None:
            await self._end(old)

    async def _drop(self, path: Path) -> None:
        LOG.info("%s is gone and served no more.", path.name)
        self._tried.pop(path, None)
        await self._end(self._served.pop(path))

    async def _end(self, served: ServedArchive) -> None:
        with suppress(RegistryError):
            await self._registry.unregister(served.version.name, served.version.version)
        await to_thread.run_sync(discard, served.place)


def _registration(path: Path, place: Path, suffix: str) -> Registration:
    """The registration of an archive as it is now; blocks. Raises RegistryError or OSError."""
    place.mkdir()
    folder = stage(path, place)
    unnamed = Manifest.read(folder).handler is None and (folder / HANDLER_FILE).is_file()
    return Registration(
        str(folder),
        handler=HANDLER_FILE if unnamed else None,
        initial_workers=1,
        fallback_name=default_name(path.name),
        version_suffix=suffix,
    )
