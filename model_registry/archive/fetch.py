"""Downloads archives from web and file addresses, whole or not at all."""

import http.client
import logging
import re
from collections.abc import Sequence
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from model_registry.errors import DownloadFailed, UrlRefused
from model_registry.files.atomic_file import atomic_file
from model_registry.files.copying import TooLarge, copy

LOG = logging.getLogger("marserve.store")
REMOTE = re.compile(r"file?://.*|https?://.*", re.IGNORECASE)
"""Addresses, as opposed to names in the store; "fil:" is TorchServe's slip."""
ALLOWED = re.compile(r"file://.*|https?://.*", re.IGNORECASE)
"""The addresses that are allowed by default."""
IDLE_SECONDS = 60.0

Patterns = Sequence[re.Pattern[str]]


def is_remote(url: str) -> bool:
    """True if the archive is not in the store yet."""
    return REMOTE.fullmatch(url) is not None


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


def download(url: str, target: Path, allowed: Patterns, limit: int, idle: float = IDLE_SECONDS) -> None:
    """Download `url` to the file `target`; blocks, at most `idle` seconds without a byte.

    Raises DownloadFailed, and leaves nothing then, if the address answers with an error, with less than announced, or
    with more than `limit` bytes.
    """
    try:
        with atomic_file(target) as file, _open(url, allowed, idle) as response:
            _copy(response, file, limit)
    except (OSError, http.client.HTTPException, ValueError, TooLarge, UrlRefused) as reason:
        LOG.warning("The download of %s failed: %s", target.name, reason)
        raise DownloadFailed(url) from reason


def _copy(response: Any, file: IO[bytes], limit: int) -> None:
    announced = response.headers["Content-Length"]
    size = copy(response, file, limit if announced is None else min(limit, int(announced)))
    if announced is not None and size < int(announced):
        raise ConnectionError(f"{size} of {announced} bytes were received")


def _open(url: str, allowed: Patterns, idle: float) -> Any:
    opener = build_opener(Redirects(allowed))
    opener.addheaders = [("User-Agent", "marserve")]
    try:
        return opener.open(_request_url(url), timeout=idle)
    except HTTPError as error:
        error.close()
        raise


def _request_url(url: str) -> str:
    """The url, of a file's address without query and fragment."""
    parts = urlsplit(url)
    return parts._replace(query="", fragment="").geturl() if parts.scheme == "file" else url
