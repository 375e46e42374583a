"""The model store: a folder of archives, and the way from a url to an unpacked archive."""

import logging
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from model_registry.archive.archive import Archive
from model_registry.archive.fetch import ALLOWED, download, is_allowed, is_remote
from model_registry.archive.manifest import Manifest
from model_registry.archive.naming import file_name
from model_registry.archive.unpack import Limits, unpack
from model_registry.errors import (
    ArchiveExists,
    ArchiveNotFound,
    EmptyUrl,
    InvalidModel,
    NoStore,
    RelativeUrl,
    SaveFailed,
    UrlRefused,
)

LOG = logging.getLogger("marserve.store")
ARCHIVE_SUFFIXES = (".mar", ".model", ".tar.gz", ".tgz")


class ModelStore:
    """Opens archives from its folder, from absolute paths of folders, and from allowed addresses.

    `limit` bounds the bytes of a download and of an unpacked archive. Archives are unpacked to `models/<32 hex digits>`
    in the folder `temporary`, the system's by default.
    """

    def __init__(
        self,
        folder: Path | None,
        allowed_urls: Sequence[re.Pattern[str]] | None = None,
        temporary: Path | None = None,
        limit: int = 64 << 30,
    ) -> None:
        self.folder = folder
        self._allowed = (ALLOWED,) if allowed_urls is None else tuple(allowed_urls)
        self._unpack_root = (temporary or Path(tempfile.gettempdir())).absolute() / "models"
        self._limits = Limits(size=limit)
        self._unpacked_folders: set[Path] = set()

    def __repr__(self) -> str:
        return f"<ModelStore {self.folder}>"

    def names(self) -> list[str]:
        """The archives of the store, sorted: visible folders, and files with an archive's suffix."""
        if self.folder is None or not self.folder.is_dir():
            return []
        visible = (path for path in self.folder.iterdir() if not path.name.startswith("."))
        return sorted(path.name for path in visible if path.name.endswith(ARCHIVE_SUFFIXES) or path.is_dir())

    def close(self) -> None:
        """Remove all unpacked archives, those of cancelled registrations included."""
        for folder in self._unpacked_folders:
            shutil.rmtree(folder, ignore_errors=True)

    def open(self, url: str) -> Archive:
        """Fetch, unpack and read the archive at `url`; blocks.

        Raises NoStore, EmptyUrl, RelativeUrl or UrlRefused before anything happens, then ArchiveExists, DownloadFailed,
        ArchiveNotFound, SaveFailed or InvalidModel. As in TorchServe an invalid archive that was downloaded stays in
        the store; nothing else stays.
        """
        store = self._store_for(url)
        downloaded = self._fetch(url, store) if is_remote(url) else None
        source = downloaded or _find(url, store)
        with self._fresh_folder(url) as fresh:
            folder = _place(source, fresh, self._limits)
            return Archive(url, Manifest.read(folder), folder, downloaded, source if source.is_file() else None)

    def _store_for(self, url: str) -> Path:
        """The folder of the store; raises if the url is refused."""
        if self.folder is None:
            raise NoStore
        if not url:
            raise EmptyUrl
        if ".." in url:
            raise RelativeUrl(url)
        if is_remote(url) and not is_allowed(url, self._allowed):
            raise UrlRefused(url)
        return self.folder

    def _fetch(self, url: str, store: Path) -> Path:
        name = file_name(url)
        target = store / name
        if target.exists():  # without a name it is the store itself
            raise ArchiveExists(name)
        download(url, target, self._allowed, self._limits.size)
        return target

    @contextmanager
    def _fresh_folder(self, url: str) -> Iterator[Path]:
        """A new folder, deleted if the block raises; other errors than InvalidModel become SaveFailed."""
        fresh = self._unpack_root / uuid4().hex
        try:
            self._unpack_root.mkdir(parents=True, exist_ok=True)
            fresh.mkdir(mode=0o700)
            self._unpacked_folders.add(fresh)
            yield fresh
        except Exception as reason:  # parsers raise anything for broken bytes
            shutil.rmtree(fresh, ignore_errors=True)
            if isinstance(reason, InvalidModel):
                raise
            LOG.warning("The archive %s cannot be unpacked: %s", url, reason)
            raise SaveFailed(url) from reason


def _find(url: str, store: Path) -> Path:
    """The file or folder of a local url: its last segment in the store, or the absolute path of a folder.

    Raises ArchiveNotFound.
    """
    name = file_name(url)
    if name in ("", "."):
        raise ArchiveNotFound(url)
    local, path = store / name, Path(url)
    try:
        if path.is_absolute() and path.is_dir() and not local.is_file():
            return path
        if local.exists():
            return local
    except OSError as reason:  # the name is too long
        raise ArchiveNotFound(url) from reason
    raise ArchiveNotFound(url)


def _place(source: Path, fresh: Path, limits: Limits) -> Path:
    """Unpack a file into the fresh folder, or link a folder in it; returns the archive's folder."""
    if source.is_file():
        unpack(source, fresh, limits)
        return fresh
    content = list(source.iterdir())
    if len(content) == 1 and content[0].is_dir():  # as in TorchServe
        source = content[0]
    link = fresh / source.name
    link.symlink_to(source.absolute(), target_is_directory=True)
    return link
