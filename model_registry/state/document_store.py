"""Where a document is kept: an object, or a file that the replicas of one machine share. All calls block."""

import fcntl
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from model_registry.files.atomic_file import atomic_file
from model_registry.object_storage.address import ObjectAddress, is_object_url
from model_registry.object_storage.bucket import Bucket, ObjectInfo, Tag
from model_registry.object_storage.errors import ObjectChanged, ObjectNotFound, StorageError

IDLE_SECONDS = 5.0
RETRY_SECONDS = 5.0
READERS = 16
"""Heartbeats that are read at once."""
FOLDER_SUFFIX = ".replicas"


class StoredHeartbeat(NamedTuple):
    """A replica's heartbeat; `written_at` is in seconds since 1970, by the store's clock."""

    replica: str
    written_at: float
    content: bytes


class DocumentStore(Protocol):
    """Keeps one document and the heartbeats beside it. Calls raise StorageError."""

    def read(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        """The document and its tag; None if it still is the known one. Raises ObjectNotFound."""

    def write(self, content: bytes, replaced: Tag | None) -> Tag:
        """Write the document in place of the one with that tag, or the first one; raises ObjectChanged."""

    def heartbeats(self) -> list[StoredHeartbeat]:
        """The heartbeats of all replicas."""

    def heartbeat_times(self) -> dict[str, float]:
        """The replicas with a heartbeat, and when each was written: a listing, which reads none of them."""

    def write_heartbeat(self, replica: str, content: bytes) -> None:
        """Replace a replica's heartbeat."""

    def delete_heartbeat(self, replica: str) -> None:
        """Delete a replica's heartbeat."""


def document_store(place: str, cwd: Path) -> DocumentStore:
    """The store of a document at an address in object storage, or at a path."""
    if is_object_url(place):
        return ObjectDocumentStore(ObjectAddress.parse(place))
    return FileDocumentStore(cwd / place.removeprefix("file://"))


class ObjectDocumentStore:
    """An object; reading it costs one conditional request."""

    def __init__(self, address: ObjectAddress) -> None:
        self._key = address.key
        self._folder = f"{address.key}{FOLDER_SUFFIX}"
        self._bucket = Bucket(address, idle_seconds=IDLE_SECONDS, retry_seconds=RETRY_SECONDS)
        self._heartbeats: dict[str, tuple[str, StoredHeartbeat]] = {}
        """The last ones that were read by key, with their tags: one that has not changed is not read again."""

    def __repr__(self) -> str:
        return f"<ObjectDocumentStore {self._bucket.address}>"

    def read(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        """See DocumentStore."""
        return self._bucket.read(self._key, known.etag if known else None)

    def write(self, content: bytes, replaced: Tag | None) -> Tag:
        """See DocumentStore."""
        return self._bucket.write(self._key, content, replaced)

    def heartbeats(self) -> list[StoredHeartbeat]:
        """See DocumentStore. Reads those that have changed, several at once."""
        listed = self._bucket.listed(self._folder)
        with ThreadPoolExecutor(READERS, "heartbeats") as readers:
            found = [(info, each) for info, each in zip(listed, readers.map(self._read, listed), strict=True) if each]
        self._heartbeats = {info.key: (info.tag, each) for info, each in found}
        return [each for _, each in found]

    def _read(self, info: ObjectInfo) -> StoredHeartbeat | None:
        """One heartbeat; None if its replica has just ended."""
        written_at = info.modified.timestamp()
        tag, known = self._heartbeats.get(info.key, ("", None))
        if known is not None and tag and tag == info.tag:
            return known._replace(written_at=written_at)
        try:
            content, _ = self._bucket.read(info.key) or (b"", None)
        except ObjectNotFound:
            return None
        return StoredHeartbeat(_replica_of(info), written_at, content)

    def heartbeat_times(self) -> dict[str, float]:
        """See DocumentStore."""
        return {_replica_of(info): info.modified.timestamp() for info in self._bucket.listed(self._folder)}

    def write_heartbeat(self, replica: str, content: bytes) -> None:
        """See DocumentStore."""
        self._bucket.overwrite(f"{self._folder}/{replica}", content)

    def delete_heartbeat(self, replica: str) -> None:
        """See DocumentStore."""
        self._bucket.delete(f"{self._folder}/{replica}")


class FileDocumentStore:
    """A file, with a lock beside it while it is replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = path.with_name(path.name + FOLDER_SUFFIX)

    def __repr__(self) -> str:
        return f"<FileDocumentStore {self._path}>"

    def read(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        """See DocumentStore."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            raise ObjectNotFound(f"reading {self._path}: there is no such file") from None
        except OSError as error:
            raise StorageError(f"reading {self._path}: {error.strerror}") from error
        tag = _tag(content)
        return None if tag == known else (content, tag)

    def write(self, content: bytes, replaced: Tag | None) -> Tag:
        """See DocumentStore."""
        with self._locked():
            present = _tag(self._path.read_bytes()) if self._path.exists() else None
            if present != replaced:
                raise ObjectChanged(f"writing {self._path}: it has been changed meanwhile")
            with atomic_file(self._path) as file:
                file.write(content)
        return _tag(content)

    def heartbeats(self) -> list[StoredHeartbeat]:
        """See DocumentStore."""
        found = []
        for replica, written_at in self.heartbeat_times().items():
            with suppress(FileNotFoundError):  # its replica has just ended
                found.append(StoredHeartbeat(replica, written_at, (self._folder / replica).read_bytes()))
        return found

    def heartbeat_times(self) -> dict[str, float]:
        """See DocumentStore."""
        found = {}
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            with suppress(FileNotFoundError):
                if not path.name.startswith("."):
                    found[path.name] = path.stat().st_mtime
        return found

    def write_heartbeat(self, replica: str, content: bytes) -> None:
        """See DocumentStore."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with atomic_file(self._folder / replica) as file:
                file.write(content)
        except OSError as error:
            raise StorageError(f"writing {self._folder / replica}: {error.strerror}") from error

    def delete_heartbeat(self, replica: str) -> None:
        """See DocumentStore."""
        (self._folder / replica).unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_name(f"{self._path.name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except StorageError:
            raise
        except OSError as error:
            raise StorageError(f"writing {self._path}: {error.strerror}") from error


def _replica_of(info: ObjectInfo) -> str:
    return info.key.rpartition("/")[2]


def _tag(content: bytes) -> Tag:
    return Tag(hashlib.sha256(content).hexdigest(), None)
