"""The serialized file of an unpacked archive, there only while workers load it.

Where the disk is memory, a file that stays takes as much as the model itself.
"""

import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Lock

from model_registry.archive.archive import Archive
from model_registry.archive.unpack import Limits, unpack


class ArchiveChanged(Exception):
    """What was unpacked cannot be unpacked again: the archive is another one by now."""


class TemporaryModelFile(AbstractContextManager["TemporaryModelFile"]):
    """Whoever enters finds the file there; when the last one leaves, it is deleted. Threads may enter at once."""

    def __init__(self, file: Path, source: Path, folder: Path) -> None:
        self._file, self._source, self._folder = file, source, folder
        self._unpacked_from = _identity(source)
        self._inside = 0
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<TemporaryModelFile {self._file.name}, {self._inside} inside>"

    @classmethod
    def of(cls, archive: Archive) -> AbstractContextManager[object]:
        """The archive's, if it has such a file and was unpacked at all: what a folder holds is not ours to delete."""
        folder, source = archive.folder.resolve(), archive.source
        file = (folder / (archive.manifest.serialized_file or "")).resolve()
        if source is None or not file.is_file() or not file.is_relative_to(folder):
            return nullcontext()
        return cls(file, source, folder)

    def __enter__(self) -> "TemporaryModelFile":
        """Unpack the file again if it has been deleted. Raises ArchiveChanged, and what `unpack` raises."""
        with self._lock:
            if not self._file.exists():
                self._restore()
            self._inside += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
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
