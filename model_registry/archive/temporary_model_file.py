"""The serialized file of an unpacked archive, deleted while no worker loads it.

Where the disk is memory, such a file takes as much as the model itself.
"""

import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Lock

from model_registry.archive.archive import Archive
from model_registry.archive.unpack import Limits, unpack


class ArchiveChanged(Exception):
    """The archive cannot be unpacked again: its file is another one by now."""


class TemporaryModelFile(AbstractContextManager["TemporaryModelFile"]):
    """Restores the file on the first entry and deletes it on the last exit. Thread-safe."""

    def __init__(self, file: Path, source: Path, folder: Path) -> None:
        self._file, self._source, self._folder = file, source, folder
        self._unpacked_from = _identity(source)
        self._users = 0
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<TemporaryModelFile {self._file.name}, {self._users} users>"

    @classmethod
    def of(cls, archive: Archive) -> AbstractContextManager[object]:
        """The archive's serialized file; a null context without one, and for the files of a folder, which stay."""
        folder, source, file = archive.folder.resolve(), archive.source, archive.serialized_file
        if source is None or file is None or not file.resolve().is_relative_to(folder):
            return nullcontext()
        return cls(file.resolve(), source, folder)

    def __enter__(self) -> "TemporaryModelFile":
        """Unpack the file again if it has been deleted. Raises ArchiveChanged and the errors of `unpack`."""
        with self._lock:
            if not self._file.exists():
                self._restore()
            self._users += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._file.unlink(missing_ok=True)

    def _restore(self) -> None:
        if _identity(self._source) != self._unpacked_from:
            raise ArchiveChanged(f"{self._source} has changed or gone since it was registered; register it again")
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            unpack(self._source, Path(folder), Limits())
            (Path(folder) / self._file.relative_to(self._folder)).replace(self._file)


def _identity(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
