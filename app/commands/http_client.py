"""A client for a running server: one request, one connection, and the response as it came."""

import json
import os
import ssl
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import quote, urlencode, urlsplit

from app.commands.sample_requests import Content

DEFAULT_URL = f"http://127.0.0.1:{os.environ.get('PORT') or 8080}"
"""The address of `marserve serve` in the same environment."""
PORTS = {"http": 80, "https": 443}


class NoResponse(Exception):
    """The server could not be reached, or did not respond; `unreachable` where not even a connection was made."""

    def __init__(self, error: Exception, *, unreachable: bool = False) -> None:
        super().__init__(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
        self.unreachable = unreachable


class RequestRefused(Exception):
    """The response is no 2xx; the text is the server's own, or says why it cannot be reached: then `status` is 0."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers by lower-case name, the body in one piece, and the seconds until all of it had come."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    def without_body(self) -> "Response":
        """The response as it is kept once its body has been compared."""
        return replace(self, body=b"")

    def message(self) -> str:
        """The message of an error, or the body itself where it holds none."""
        try:
            return str(json.loads(self.body)["message"])
        except (ValueError, KeyError, TypeError):
            return self.body.decode("utf-8", "replace").strip() or "no reason given"


class HttpClient:
    """Sends requests to the server at `url`; may be used from several threads.

    A path in `url` precedes those of requests; ValueError where `url` is none. `timeout` is in seconds, and `verify` is
    False to accept any certificate.
    """

    def __init__(self, url: str, token: str | None = None, timeout: float = 60.0, *, verify: bool = True) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError(f"{url} is no address such as {DEFAULT_URL}")
        self.url = url
        self._host, self._port = parts.hostname, parts.port or PORTS[parts.scheme]
        self._prefix = parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = timeout
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        if self._tls and not verify:
            self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE

    def __repr__(self) -> str:
        return f"<HttpClient {self.url}>"

    def send(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Response:
        """Send a request to a path with its query; raises NoResponse."""
        with closing(self._connect()) as connection:
            began = time.perf_counter()
            try:
                # A server may refuse before it has taken all of the body: the response is there to be read.
                with suppress(BrokenPipeError, ConnectionResetError):
                    connection.request(method, self._prefix + target, body, {**self._headers, **(headers or {})})
                with connection.getresponse() as response:
                    content = response.read()
            except (OSError, HTTPException) as error:
                raise NoResponse(error) from error
        names = dict.fromkeys(name.lower() for name in response.headers)
        received = {name: ", ".join(response.headers.get_all(name, [])) for name in names}
        return Response(response.status, received, content, time.perf_counter() - began)

    def call(
        self, method: str, *path: str, query: Mapping[str, str] | None = None, content: Content | None = None
    ) -> bytes:
        """The body of the 2xx response to an API call, the segments of its path quoted; raises RequestRefused."""
        target = "".join(f"/{quote(segment, safe='')}" for segment in path)
        headers = {"Content-Type": content.type} if content and content.type else {}
        try:
            response = self.send(
                method, f"{target}?{urlencode(query)}" if query else target, headers, content.value if content else None
            )
        except NoResponse as error:
            raise RequestRefused(f"{self.url} cannot be reached: {error}") from error
        if not 200 <= response.status < 300:
            raise RequestRefused(f"{response.status}: {response.message()}", response.status)
        return response.body

    def check_connection(self) -> None:
        """Connect and disconnect; raises NoResponse."""
        self._connect().close()

    def _connect(self) -> HTTPConnection:
        connection = (
            HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)
            if self._tls
            else HTTPConnection(self._host, self._port, timeout=self._timeout)
        )
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise NoResponse(error, unreachable=True) from error
        return connection
