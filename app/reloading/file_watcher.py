"""The archives that a developer works on: the state of their files, and copies of them to serve."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from model_registry.archive.implicit.manifest import (
    HANDLER_FILE,
    implicit_manifest,
    make_archive_folder,
    needs_manifest,
)
from model_registry.archive.manifest import MANIFEST_FILE
from model_registry.archive.naming import ARCHIVE_SUFFIXES
from model_registry.archive.store import ModelStore
from model_registry.errors import NoManifest

Stamp = Mapping[str, tuple[int, int]]
"""The state of an archive: time of change and size of its files, by name."""


def archives_in(folder: Path) -> list[Path]:
    """The folder itself if it is an unpacked archive, else the archives in it, sorted."""
    if _is_unpacked(folder) or _has_handler(folder):
        return [folder]
    entries = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]
    is_file = {entry: entry.is_file() and entry.name.endswith(ARCHIVE_SUFFIXES) for entry in entries}
    return [entry for entry in entries if is_file[entry] or _is_unpacked(entry)]


def read_stamps(folder: Path) -> dict[Path, Stamp]:
    """The archives of a folder, as they are now; a file that is just being replaced counts as missing."""
    try:
        return {path: dict(_stamp(path)) for path in archives_in(folder)}
    except OSError:
        return {}


def changed_files(before: Stamp, after: Stamp) -> list[str]:
    """The names of the files that were written, added or removed, sorted."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def stage(path: Path, place: Path) -> Path:
    """Make a folder below `place` with the content of the archive at `path`; raises RegistryError or OSError.

    Of an unpacked one it has links to the files: so what the handler writes does not land among the sources, where it
    would look like a change, and no bytecode of an earlier state is found.
    """
    if path.is_file():
        return ModelStore(path.parent, temporary=place).open(path.name).folder
    copy = place / path.resolve().name
    if needs_manifest(path):
        return make_archive_folder(path, copy)
    for file in _files(path):
        target = copy / file.relative_to(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(file.absolute())
    return copy


def _is_unpacked(path: Path) -> bool:
    return (path / MANIFEST_FILE).is_file() or (path / HANDLER_FILE).is_file()


def _has_handler(folder: Path) -> bool:
    try:
        return bool(implicit_manifest(folder))
    except NoManifest:
        return False


def _stamp(path: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    for file in [path] if path.is_file() else _files(path):
        status = file.stat()
        yield file.relative_to(path).as_posix() if file != path else path.name, (status.st_mtime_ns, status.st_size)


def _files(folder: Path) -> Iterator[Path]:
    """The files below a folder, without hidden ones and Python's caches."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        files = (Path(place, name) for name in sorted(names) if not name.startswith("."))
        yield from (file for file in files if file.is_file())


def discard(place: Path) -> None:
    """Remove a staged archive."""
    shutil.rmtree(place, ignore_errors=True)
