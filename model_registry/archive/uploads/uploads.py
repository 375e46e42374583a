"""Archives that clients send in pieces; a file appears in the model store whole or not at all."""

from pathlib import Path
from threading import Lock
from time import monotonic

from model_registry.archive.naming import ARCHIVE_SUFFIXES, MAX_NAME_CHARACTERS
from model_registry.archive.uploads.errors import UploadConflict, UploadRefused
from model_registry.archive.uploads.upload import Upload
from model_registry.errors import NoStore

MAX_UPLOADS = 4
ABANDONED_AFTER_SECONDS = 120.0
"""An upload that got no piece for so long makes way for another one."""


class Uploads:
    """The uploads to one folder that are in progress, by the names of their files. Thread-safe; its methods block."""

    def __init__(self, folder: Path | None, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._uploads: dict[str, Upload] = {}
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<Uploads to {self._folder}: {', '.join(self._uploads) or 'none'}>"

    def receive(self, name: str, piece: bytes, start: int, total: int, *, replace: bool = False) -> bool:
        """Take the bytes of an archive from `start` on; returns whether it is complete, and lies in the folder.

        The piece at 0 begins anew. Raises NoStore, UploadRefused and UploadConflict: then nothing of it is kept, unless
        the piece does not follow those before.
        """
        self._check(name, total)
        with self._lock:
            upload = self._find(name, start, total, replace=replace)
            if start != upload.received or start + len(piece) > total:
                raise UploadConflict(f"{name}: the next piece begins at byte {upload.received} of {upload.total}.")
            try:
                upload.append(piece)
                if upload.received == total:
                    upload.place(self._target(name), replace=replace)
            except FileExistsError:
                self._remove(name)
                raise UploadConflict.of_existing(name) from None
            except (OSError, UploadRefused) as reason:
                self._remove(name)
                raise UploadRefused(str(reason)) from reason
            if upload.received == total:
                self._remove(name)
            return upload.received == total

    def close(self) -> None:
        """Delete what is not complete."""
        with self._lock:
            for name in list(self._uploads):
                self._remove(name)

    def _check(self, name: str, total: int) -> None:
        if self._folder is None:
            raise NoStore
        if "/" in name or "\\" in name or "\0" in name or name.startswith(".") or len(name) > MAX_NAME_CHARACTERS:
            raise UploadRefused(f"{name!a} cannot be the name of a file in the model store.")
        if not name.endswith(ARCHIVE_SUFFIXES):
            raise UploadRefused(f"{name} does not end in {', '.join(ARCHIVE_SUFFIXES[:-1])} or {ARCHIVE_SUFFIXES[-1]}.")
        if not 0 < total <= self._max_bytes:
            raise UploadRefused(f"{name} has {total} bytes; an archive has 1 to {self._max_bytes} (max_archive_size).")

    def _find(self, name: str, start: int, total: int, *, replace: bool) -> Upload:
        known = self._uploads.get(name)
        if start and known is not None and known.total == total:
            return known
        if start:
            raise UploadConflict(f"No upload of {name} is in progress; send its first piece again.")
        if self._target(name).exists() and not replace:
            raise UploadConflict.of_existing(name)
        self._remove(name)
        self._make_way()
        assert self._folder is not None
        try:
            upload = self._uploads[name] = Upload(self._folder, total)
        except OSError as reason:
            raise UploadRefused(f"The model store cannot be written: {reason}") from reason
        return upload

    def _make_way(self) -> None:
        oldest = monotonic() - ABANDONED_AFTER_SECONDS
        for name in [each for each, upload in self._uploads.items() if upload.continued_at < oldest]:
            self._remove(name)
        if len(self._uploads) >= MAX_UPLOADS:
            raise UploadConflict(f"{MAX_UPLOADS} uploads are in progress; try again when one is complete.")

    def _remove(self, name: str) -> None:
        if (upload := self._uploads.pop(name, None)) is not None:
            upload.remove()

    def _target(self, name: str) -> Path:
        assert self._folder is not None
        return self._folder / name
