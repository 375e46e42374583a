"""Downloads archives from web and file addresses, whole or not at all."""

import errno
import http.client
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path
from threading import Lock
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, url2pathname

from model_registry.archive.transfer import Transfer
from model_registry.errors import ArchiveExists, DownloadFailed, UrlRefused
from model_registry.files.atomic_file import atomic_file
from model_registry.files.copying import TooLarge, copy
from model_registry.object_storage.address import is_object_url
from model_registry.tasks.in_progress import InProgress

LOG = logging.getLogger("marserve.store")
REMOTE = re.compile(r"file?://.*|https?://.*", re.IGNORECASE)
"""Addresses, as opposed to names in the store; "fil:" is TorchServe's slip."""
ALLOWED = re.compile(r"file://.*|https?://.*", re.IGNORECASE)
"""The addresses that are allowed by default."""
STOPPED = ConnectionAbortedError("the server stops")

Patterns = Sequence[re.Pattern[str]]


def is_remote(url: str) -> bool:
    """True if the archive is not in the store yet."""
    return REMOTE.fullmatch(url) is not None


def is_address(url: str) -> bool:
    """True if the archive is named by an address of the web, of files or of object storage."""
    return is_remote(url) or is_object_url(url)


def is_allowed(url: str, allowed: Patterns) -> bool:
    """True if one of the patterns matches the whole url."""
    return any(pattern.fullmatch(url) for pattern in allowed)


class Redirects(HTTPRedirectHandler):
    """Follows redirects that are allowed, to web addresses only, and never from https to http."""

    def __init__(self, allowed: Patterns) -> None:
        self._allowed = allowed

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """The request that follows; raises UrlRefused."""
        schemes = ("https",) if req.type == "https" else ("http", "https")
        if urlsplit(newurl).scheme not in schemes or not is_allowed(newurl, self._allowed):
            fp.close()
            raise UrlRefused(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """Limits of one download: bytes, seconds for the whole, and seconds without a byte."""

    size: int = 64 << 30
    total_seconds: float = 3600.0
    idle_seconds: float = 60.0


class Downloads:
    """The downloads that are in progress."""

    def __init__(self, allowed: Patterns, limits: DownloadLimits) -> None:
        self._allowed = allowed
        self._limits = limits
        self._transfers: dict[Path, Transfer] = {}
        self._lock = Lock()
        self._writing = InProgress()
        self._closed = False

    def __repr__(self) -> str:
        return f"<Downloads {len(self._transfers)}>"

    def fetch(self, url: str, folder: Path, name: str) -> Path:
        """Download `url` to a new file of that name and return its path; blocks.

        Raises ArchiveExists if there is such a file or one on its way. Raises DownloadFailed, and leaves nothing then,
        if the address answers with an error, with less than announced, or beyond the limits.
        """
        target = folder / name
        with self._start(target, url, name) as transfer:
            try:
                self._download(url, target, transfer)
            except (OSError, http.client.HTTPException, ValueError, TooLarge, UrlRefused) as reason:
                LOG.warning("The download of %s failed: %s", target.name, reason)
                raise DownloadFailed(url) from reason
        return target

    def abort(self) -> None:
        """End all downloads, and refuse new ones; thread-safe."""
        with self._lock:
            self._closed = True
            for transfer in self._transfers.values():
                transfer.abort(STOPPED)

    def wait(self, seconds: float) -> None:
        """Block until no download writes to its file."""
        self._writing.wait(seconds)

    @contextmanager
    def _start(self, target: Path, url: str, name: str) -> Iterator[Transfer]:
        with self._lock:
            try:
                is_there = target in self._transfers or target.exists()  # without a name it is the folder itself
            except (OSError, ValueError) as reason:  # no file can have that name
                raise DownloadFailed(url) from reason
            if is_there:
                raise ArchiveExists(name)
            transfer = self._transfers[target] = Transfer(self._limits.total_seconds)
            if self._closed:
                transfer.abort(STOPPED)
        try:
            with transfer:
                yield transfer
        finally:
            with self._lock:
                del self._transfers[target]

    def _download(self, url: str, target: Path, transfer: Transfer) -> None:
        with _open(url, transfer, self._limits.idle_seconds, Redirects(self._allowed)) as response:
            announced = response.headers["Content-Length"]
            limit = self._limits.size if announced is None else min(self._limits.size, int(announced))
            with self._writing, atomic_file(target) as file:
                size = copy(response, file, limit, transfer.check)
                transfer.check()
                if announced is not None and size < int(announced):
                    raise ConnectionError(f"{size} of {announced} bytes were received")


def _open(url: str, transfer: Transfer, idle_seconds: float, redirects: Redirects) -> Any:
    parts = urlsplit(url)
    if parts.scheme == "file":
        url = parts._replace(query="", fragment="").geturl()
        if not Path(url2pathname(parts.path)).is_file():  # to open a pipe would block
            raise FileNotFoundError(errno.ENOENT, "no such file", parts.path)
    try:
        return transfer.open(url, idle_seconds, redirects)
    except HTTPError as error:
        error.close()
        raise
