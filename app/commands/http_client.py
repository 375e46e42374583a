"""A server as its clients see it: sends one request and hands back the answer with nothing put right."""

import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from app.commands.sample_requests import Sample

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers by lower-case name, the body in one piece, and the seconds until all of it was there."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    def without_body(self) -> "Answer":
        """What of an answer is worth keeping once it has been compared."""
        return replace(self, body=b"")


@dataclass(frozen=True, slots=True)
class Failure:
    """There was no answer; `unreachable` where not even a connection was made."""

    reason: str
    unreachable: bool = False


class Peer:
    """One of the two servers of a comparison; may be asked from several threads.

    `url` is its scheme, host and port, with a path that goes before those of requests if there is one: ValueError
    where it is none. `timeout` is in seconds. `verify` is False to take any certificate.
    """

    def __init__(self, url: str, token: str | None = None, timeout: float = 60.0, *, verify: bool = True) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError(f"{url} is no address such as http://127.0.0.1:8080")
        self.url = url
        self._host, self._port = parts.hostname, parts.port or PORTS[parts.scheme]
        self._prefix = parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = timeout
        self._context = _context(verify) if parts.scheme == "https" else None

    def __repr__(self) -> str:
        return f"<Peer {self.url}>"

    def ask(self, sample: Sample) -> Answer | Failure:
        """The answer to a request, over a connection of its own, or why there is none."""
        connection = self._connection()
        try:
            connection.connect()
        except OSError as error:
            return Failure(_words(error), unreachable=True)
        began = time.perf_counter()
        try:
            self._send(connection, sample)
            with connection.getresponse() as response:
                return _answer(response, began)
        except (OSError, HTTPException) as error:
            return Failure(_words(error))
        finally:
            connection.close()

    def unreachable(self) -> str:
        """Why no connection can be made, "" if one can."""
        connection = self._connection()
        try:
            connection.connect()
        except OSError as error:
            return _words(error)
        finally:
            connection.close()
        return ""

    def _connection(self) -> HTTPConnection:
        if self._context is not None:
            return HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._context)
        return HTTPConnection(self._host, self._port, timeout=self._timeout)

    def _send(self, connection: HTTPConnection, sample: Sample) -> None:
        headers = {**self._headers, **sample.headers}
        # A server may refuse before it has taken all of the body: the answer is there to be read.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(sample.method, self._prefix + sample.path, sample.body, headers)


def _context(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _answer(response: HTTPResponse, began: float) -> Answer:
    body = response.read()
    names = dict.fromkeys(name.lower() for name in response.headers)
    headers = {name: ", ".join(response.headers.get_all(name, [])) for name in names}
    return Answer(response.status, headers, body, time.perf_counter() - began)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
