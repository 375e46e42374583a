"""Archives in object storage: listed, and downloaded once for each state of an object into a folder of this machine."""

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from re import Pattern
from threading import Event, Lock
from typing import IO

from handler.server_random import RANDOM
from model_registry.errors import ArchiveNotFound, DownloadFailed
from model_registry.files.atomic_file import atomic_file
from model_registry.files.copying import TooLarge
from model_registry.object_storage.address import ObjectAddress, is_object_url
from model_registry.object_storage.bucket import Bucket, ObjectInfo
from model_registry.object_storage.errors import ObjectChanged, ObjectNotFound, StorageError

LOG = logging.getLogger("marserve.store")
MAX_ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.2
PROGRESS_SECONDS = 5.0
KEPT_STATES = 2
"""Of each object: workers may still be loading the one before."""
STOPPED = ConnectionAbortedError("the server stops")


class ObjectArchives:
    """Archives below `root`, which a model store names, and at addresses that match `allowed`.

    `size_limit` is in bytes, `total_seconds` bounds a download with all its attempts, `idle_seconds` the time without
    a byte.
    """

    def __init__(
        self, cache: Path, root: ObjectAddress | None, allowed: Sequence[Pattern[str]] = (), *,
        size_limit: int = 64 << 30, total_seconds: float = 3600.0, idle_seconds: float = 60.0,
    ) -> None:  # fmt: skip
        self._cache = cache
        self.root = root
        self._allowed = tuple(allowed)
        self._size_limit = size_limit
        self._total_seconds = total_seconds
        self._idle_seconds = idle_seconds
        self._buckets: dict[str, Bucket] = {}
        self._locks: dict[ObjectAddress, Lock] = {}
        self._lock = Lock()
        self._is_closed = Event()

    def __repr__(self) -> str:
        return f"<ObjectArchives {self.root or 'of no store'}>"

    def serves(self, url: str) -> bool:
        """Whether an address is an object's that may be fetched."""
        if not is_object_url(url):
            return False
        address = ObjectAddress.parse(url)
        root = self.root
        is_below = root is not None and address.root == root.root and f"{address.key}/".startswith(f"{root.key}/")
        return is_below or any(pattern.fullmatch(url) for pattern in self._allowed)

    def names(self) -> list[str]:
        """The names below the root; raises StorageError."""
        return [] if self.root is None else self._bucket(self.root).names(self.root.key)

    def abort(self) -> None:
        """End what is being downloaded, and refuse more; thread-safe."""
        self._is_closed.set()

    def fetch(self, url: str) -> Path:
        """The file of an object, downloaded unless its present state is there; blocks.

        Raises ArchiveNotFound and DownloadFailed, and leaves nothing half-written then.
        """
        address = ObjectAddress.parse(url)
        with self._lock:
            lock = self._locks.setdefault(address, Lock())
        with lock:
            try:
                return self._fetch(address)
            except ObjectNotFound as reason:
                raise ArchiveNotFound(url) from reason
            except (OSError, TooLarge) as reason:
                LOG.warning("The download of %s failed: %s", address, reason)
                raise DownloadFailed(url) from reason

    def _fetch(self, address: ObjectAddress) -> Path:
        bucket, deadline = self._bucket(address), time.monotonic() + self._total_seconds
        for attempt in range(MAX_ATTEMPTS):
            self._check(deadline)
            info = bucket.head(address.key)
            target = self._folder(address) / _digest(info.tag or f"{info.size} {info.modified}") / address.name
            if target.is_file():
                return target
            try:
                self._download(bucket, address, info, target, deadline)
            except ObjectChanged:
                LOG.info("%s was replaced while it was downloaded; attempt %d.", address, attempt + 2)
            else:
                self._remove_old(address, target.parent)
                return target
        raise StorageError(f"{address} was replaced again and again while it was downloaded")

    def _download(
        self, bucket: Bucket, address: ObjectAddress, info: ObjectInfo, target: Path, deadline: float
    ) -> None:
        """Write the object to a file, going on after a cut where it was; raises StorageError and TooLarge."""
        if info.size > self._size_limit:
            raise TooLarge(f"more than {self._size_limit} bytes")
        target.parent.mkdir(parents=True, exist_ok=True)
        progress, started = _Progress(address, info.size), time.monotonic()
        with atomic_file(target) as file:
            done = 0
            for attempt in range(MAX_ATTEMPTS):
                try:
                    for chunk in bucket.chunks(address.key, info.tag, done):
                        self._check(deadline)
                        done += _write(file, chunk, info.size - done)
                        progress.report(done)
                except ObjectChanged:
                    raise
                except StorageError as reason:
                    self._pause(reason, attempt, done)
                if done == info.size:
                    break
            else:
                raise StorageError(f"{address}: {done} of {info.size} bytes were received in {MAX_ATTEMPTS} attempts")
        LOG.info("Downloaded %s: %d bytes in %.1f s.", address, info.size, time.monotonic() - started)

    def _pause(self, reason: StorageError, attempt: int, done: int) -> None:
        """Wait before the next attempt, ever longer; raises the reason after the last one."""
        if attempt == MAX_ATTEMPTS - 1:
            raise reason
        seconds = FIRST_PAUSE_SECONDS * 2**attempt * RANDOM.uniform(0.5, 1.5)
        LOG.warning("%s; %d bytes are here, and it goes on in %.1f s.", reason, done, seconds)
        if self._is_closed.wait(seconds):
            raise STOPPED

    def _check(self, deadline: float) -> None:
        if self._is_closed.is_set():
            raise STOPPED
        if time.monotonic() > deadline:
            raise TimeoutError(f"not complete after {self._total_seconds:g} s")

    def _folder(self, address: ObjectAddress) -> Path:
        return self._cache / _digest(str(address))

    def _remove_old(self, address: ObjectAddress, fresh: Path) -> None:
        """Delete older states, and folders that a failed download has left empty."""
        states = sorted(self._folder(address).iterdir(), key=_modified, reverse=True)
        for state in [each for each in states if each != fresh][KEPT_STATES - 1 :]:
            for file in state.iterdir():
                file.unlink(missing_ok=True)
            state.rmdir()

    def _bucket(self, address: ObjectAddress) -> Bucket:
        with self._lock:
            made = self._buckets.get(address.root)
            if made is None:
                made = self._buckets[address.root] = Bucket(address, idle_seconds=self._idle_seconds)
            return made


class _Progress:
    """Reports in the log how far a long download is."""

    def __init__(self, address: ObjectAddress, size: int, now: Callable[[], float] = time.monotonic) -> None:
        self._address, self._size, self._now = address, size, now
        self._next = now() + PROGRESS_SECONDS

    def report(self, done: int) -> None:
        """Take the number of bytes that are there."""
        if self._now() >= self._next:
            self._next = self._now() + PROGRESS_SECONDS
            share = 100 * done // max(self._size, 1)
            LOG.info("Downloading %s: %d of %d bytes (%d %%).", self._address, done, self._size, share)


def _write(file: IO[bytes], chunk: bytes, limit: int) -> int:
    if len(chunk) > limit:
        raise TooLarge("more bytes came than the store has announced")
    return file.write(chunk)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _modified(path: Path) -> float:
    return path.stat().st_mtime
