"""Copies archives from web and file addresses, whole or not at all."""

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
from uuid import uuid4

from model_registry.archive.copying import TooLarge, copy
from model_registry.errors import DownloadFailed, UrlRefused

LOG = logging.getLogger("marserve.store")
REMOTE = re.compile(r"file?://.*|https?://.*", re.IGNORECASE)
"""What counts as an address and not as a name in the store; "fil:" is TorchServe's slip."""
ALLOWED = re.compile(r"file://.*|https?://.*", re.IGNORECASE)
"""What is allowed unless the configuration says otherwise."""
IDLE = 60.0
"""Seconds without a byte after which a download is given up."""

Patterns = Sequence[re.Pattern[str]]


def is_remote(url: str) -> bool:
    """Whether the archive has to be fetched from outside the store."""
    return REMOTE.fullmatch(url) is not None


def is_allowed(url: str, allowed: Patterns) -> bool:
    """Whether one of the patterns matches the whole url."""
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


def download(url: str, target: Path, allowed: Patterns, limit: int, idle: float = IDLE) -> None:
    """Copy what is at `url` to the file `target`.

    Blocks; gives up after `idle` seconds without a byte. Raises DownloadFailed, and leaves nothing then, if the
    address answers with an error, with less than announced, or with more than `limit` bytes.
    """
    part = target.with_name(f".{uuid4().hex}.part")
    try:
        _copy(url, part, allowed, limit, idle)
        part.replace(target)
    except (OSError, http.client.HTTPException, ValueError, TooLarge, UrlRefused) as reason:
        LOG.warning("The download of %s failed: %s", target.name, reason)
        raise DownloadFailed(url) from reason
    finally:
        part.unlink(missing_ok=True)


def _copy(url: str, part: Path, allowed: Patterns, limit: int, idle: float) -> None:
    with _open(url, allowed, idle) as response, part.open("xb") as file:
        announced = response.headers["Content-Length"]
        size = copy(response, file, limit if announced is None else min(limit, int(announced)))
    if announced is not None and size < int(announced):
        raise ConnectionError(f"{size} of {announced} bytes came")


def _open(url: str, allowed: Patterns, idle: float) -> Any:
    opener = build_opener(Redirects(allowed))
    opener.addheaders = [("User-Agent", "marserve")]
    try:
        return opener.open(_without_query(url), timeout=idle)
    except HTTPError as error:
        error.close()
        raise


def _without_query(url: str) -> str:
    """The url, or of a file's address the part that names the file."""
    parts = urlsplit(url)
    return parts._replace(query="", fragment="").geturl() if parts.scheme == "file" else url
