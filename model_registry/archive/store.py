"""The model store: a folder of archives, and the way from a url to an unpacked archive."""

import logging
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from model_registry.archive.archive import Archive
from model_registry.archive.fetch import ALLOWED, STOPPED, DownloadLimits, Downloads, is_allowed, is_remote
from model_registry.archive.implicit.manifest import make_archive_folder, needs_manifest
from model_registry.archive.manifest import MANIFEST_FILE, Manifest
from model_registry.archive.naming import ARCHIVE_SUFFIXES, file_name
from model_registry.archive.unpack import Limits, unpack
from model_registry.archive.uploads.uploads import Uploads
from model_registry.errors import (
    ArchiveNotFound,
    EmptyUrl,
    InvalidModel,
    NoStore,
    RelativeUrl,
    SaveFailed,
    UrlRefused,
)
from model_registry.files.ownership import OwnedFolders, clear_abandoned
from model_registry.object_storage.address import is_object_url
from model_registry.object_storage.archives import ObjectArchives
from model_registry.tasks.in_progress import InProgress

LOG = logging.getLogger("marserve.store")
CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Source:
    """The file or folder of an archive, and whether it was downloaded for this registration.

    One that was `given` at the server's start may do without a manifest.
    """

    path: Path
    is_download: bool = False
    is_given: bool = False


class ModelStore:
    """Opens archives from its folder, from absolute paths of folders, and from allowed addresses.

    `given` are further ones by name: archives, and folders, handlers' files and bare models without a manifest.
    `objects` are those in object storage, at addresses and by their names below its root.
    Archives are unpacked to `models/<32 hex digits>` in the folder `temporary`, the system's by default. What servers
    that crashed have left there and in the store is deleted first.
    """

    def __init__(
        self,
        folder: Path | None,
        allowed_urls: Sequence[re.Pattern[str]] | None = None,
        temporary: Path | None = None,
        downloads: DownloadLimits | None = None,
        unpacked: Limits | None = None,
        given: Mapping[str, Path] | None = None,
        objects: ObjectArchives | None = None,
    ) -> None:
        self.folder = folder
        self._objects = objects
        self._given = given or {}
        self._allowed = (ALLOWED,) if allowed_urls is None else tuple(allowed_urls)
        self._downloads = Downloads(self._allowed, downloads or DownloadLimits())
        self._limits = unpacked or Limits()
        self.uploads = Uploads(folder, self._limits.size)
        self._unpack_root = (temporary or Path(tempfile.gettempdir())).absolute() / "models"
        self._unpacked = OwnedFolders()
        self._unpacking = InProgress()
        self._is_closed = Event()

    def __repr__(self) -> str:
        return f"<ModelStore {self.folder}>"

    def names(self) -> list[str]:
        """The archives of the store, sorted: visible folders with a manifest, and files with an archive's suffix.

        TorchServe takes every folder for a model, such as lost+found, and starts workers that never load. Raises
        StorageError where a part of the store is object storage; blocks.
        """
        remote = [name for name in self._objects.names() if name.endswith(ARCHIVE_SUFFIXES)] if self._objects else []
        return sorted({*self.local_names(), *remote})

    def local_names(self) -> list[str]:
        """Those of the folder alone."""
        if self.folder is None or not self.folder.is_dir():
            return []
        visible = sorted(path for path in self.folder.iterdir() if not path.name.startswith("."))
        names = [path.name for path in visible if _is_archive(path)]
        if skipped := [path.name for path in visible if not _is_archive(path)]:
            LOG.info("No archives, and therefore skipped in %s: %s", self.folder, ", ".join(skipped))
        return names

    def clear_abandoned(self) -> None:
        """Delete what crashed servers have left; blocks."""
        for folder in filter(None, (self.folder, self._unpack_root)):
            for path in clear_abandoned(folder):
                LOG.info("Deleted %s, which a server that runs no more has left.", path)

    def abort(self) -> None:
        """End what is being opened, and refuse more; thread-safe."""
        self._is_closed.set()
        self._downloads.abort()
        if self._objects is not None:
            self._objects.abort()

    def close(self) -> None:
        """End what is being opened, and delete all unpacked archives; blocks."""
        self.abort()
        self.uploads.close()
        self._downloads.wait(CLOSE_SECONDS)
        self._unpacking.wait(CLOSE_SECONDS)
        self._unpacked.remove_all()

    def open(self, url: str) -> Archive:
        """Locate and unpack the archive at `url`; blocks. Raises what these raise."""
        return self.unpack(url, self.locate(url))

    def locate(self, url: str) -> Source:
        """Find the archive in the store, or download it; blocks.

        Raises NoStore, EmptyUrl, RelativeUrl or UrlRefused before anything happens, then ArchiveExists, DownloadFailed
        or ArchiveNotFound.
        """
        if url in self._given:
            return Source(self._given[url], is_given=True)
        if self.folder is None:
            raise NoStore
        if not url:
            raise EmptyUrl
        if ".." in url:
            raise RelativeUrl(url)
        if self._objects is not None and self._objects.serves(url):
            return Source(self._objects.fetch(url))
        if self._has_remote_root and is_object_url(url):
            raise UrlRefused(url)
        if not is_remote(url):
            return self._find(url, self.folder)
        if not is_allowed(url, self._allowed):
            raise UrlRefused(url)
        return Source(self._downloads.fetch(url, self.folder, file_name(url)), is_download=True)

    def is_download(self, url: str) -> bool:
        """Whether `locate` may have to download an archive, which can take long."""
        return is_remote(url) or (self._objects is not None and (self._objects.serves(url) or self._has_remote_root))

    @property
    def _has_remote_root(self) -> bool:
        return self._objects is not None and self._objects.root is not None

    def _find(self, url: str, folder: Path) -> Source:
        """The archive in the folder, else below the root in object storage; raises ArchiveNotFound, DownloadFailed."""
        try:
            return Source(_find(url, folder))
        except ArchiveNotFound:
            if self._objects is None or self._objects.root is None:
                raise
            return Source(self._objects.fetch(str(self._objects.root.child(file_name(url)))))

    def unpack(self, url: str, source: Source) -> Archive:
        """Unpack and read an archive; blocks. Raises SaveFailed or InvalidModel.

        As in TorchServe an invalid archive that was downloaded stays in the store; nothing else stays.
        """
        path = source.path
        with self._unpacking, self._fresh_folder(url) as fresh:
            is_bare = source.is_given and needs_manifest(path)
            folder = make_archive_folder(path, fresh) if is_bare else self._place(path, fresh)
            return Archive(
                url,
                Manifest.read(folder),
                folder,
                downloaded=path if source.is_download else None,
                source=path if path.is_file() and not is_bare else None,
                delete=self._unpacked.remove,
            )

    @contextmanager
    def _fresh_folder(self, url: str) -> Iterator[Path]:
        """A new folder, deleted if the block raises; other errors than InvalidModel become SaveFailed."""
        fresh = None
        try:
            self._check_open()
            fresh = self._unpacked.make(self._unpack_root)
            yield fresh
        except Exception as reason:  # parsers raise anything for broken bytes
            if fresh is not None:
                self._unpacked.remove(fresh)
            if isinstance(reason, InvalidModel):
                raise
            LOG.warning("The archive %s cannot be unpacked: %s", url, reason)
            raise SaveFailed(url) from reason

    def _place(self, source: Path, fresh: Path) -> Path:
        """Unpack a file into the fresh folder, or link a folder in it; returns the archive's folder.

        Of a folder that holds nothing but a folder, as in TorchServe, or an archive that is the one to be served.
        """
        content = [] if source.is_file() else list(source.iterdir())
        if len(content) == 1 and (content[0].is_dir() or content[0].name.endswith(ARCHIVE_SUFFIXES)):
            (source,) = content
        if source.is_file():
            unpack(source, fresh, self._limits, self._check_open)
            return fresh
        link = fresh / source.name
        link.symlink_to(source.absolute(), target_is_directory=True)
        return link

    def _check_open(self) -> None:
        if self._is_closed.is_set():
            raise STOPPED


def _is_archive(path: Path) -> bool:
    return (path / MANIFEST_FILE).is_file() if path.is_dir() else path.name.endswith(ARCHIVE_SUFFIXES)


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
