"""The access log: one line for each answered request."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from threading import RLock
from time import perf_counter, time

import orjson

from app.logging.formatters import escape_controls, local_timestamp, utc_timestamp

Client = tuple[str, int] | None
"""Host and port; None is the client of a unix socket."""
Request = tuple[Client, str, bytes, str, int, float, float]
"""Client, method, target, HTTP version, status, start and end (seconds of `perf_counter`)."""
Write = Callable[[str], object]
"""Writes whole lines; never raises."""
Format = Callable[[Sequence[Request], float], Iterable[tuple[str, ...]]]
"""Formats each request as parts of a line, which an output joins by its separator; the second argument is what
`perf_counter` lacks to seconds since 1970."""

MAX_PENDING_REQUESTS = 512
"""More are written without waiting for the timer: the request that causes it waits for all of them."""
MAX_CACHED_TARGET_BYTES = 200
"""Longer targets are not cached, as few of them are repeated."""
SERVER_ERROR = 500
FILE_SEPARATOR = " - "
CONSOLE_SEPARATOR = " [INFO ] main ACCESS_LOG - "
"""TorchServe's text between the time and the message."""


class AccessLog:
    """Keeps requests in memory until `flush`, which writes their lines in one piece to each of `outputs`.

    An output is a function and its separator, FILE_SEPARATOR or CONSOLE_SEPARATOR. `on_pending` is called when a first
    request is pending: the owner of a timer then calls `flush` within a moment.
    """

    on_pending: Callable[[], object] | None = None

    def __init__(self, outputs: Sequence[tuple[Write, str]], format_requests: Format) -> None:
        self._outputs = outputs
        self._format = format_requests
        self._pending: deque[Request] = deque()
        self._flushing = RLock()  # an output that fails is reported in the log, which flushes before that

    def __repr__(self) -> str:
        return f"<AccessLog {len(self._pending)} pending>"

    def write(self, client: Client, method: str, target: bytes, http_version: str, status: int, started: float) -> None:
        """Record that a request, which started at that time of `perf_counter`, has been answered now.

        `target` is as it was sent, with its query. For one thread, and for the hot path: `flush` makes the lines.
        """
        pending = self._pending
        pending.append((client, method, target, http_version, status, started, perf_counter()))
        if 1 < len(pending) < MAX_PENDING_REQUESTS:
            return
        if len(pending) >= MAX_PENDING_REQUESTS:
            self.flush()
        elif self.on_pending is not None:
            self.on_pending()

    def flush(self) -> None:
        """Write all pending requests; for any thread."""
        if not self._pending:
            return
        with self._flushing:
            requests = [self._pending.popleft() for _ in range(len(self._pending))]
            lines = [*self._format(requests, time() - perf_counter())]
            for write, separator in self._outputs if lines else ():
                write("\n".join(map(separator.join, lines)) + "\n")

    def close(self) -> None:
        """Write all pending requests, and drop later ones."""
        self.flush()
        self._outputs = ()


def format_text(requests: Sequence[Request], epoch: float) -> Iterator[tuple[str, ...]]:
    """Time and message, as TorchServe writes them."""
    known, timestamp = -1, ""
    for request in requests:
        end = request[6] + epoch
        milliseconds = int(end * 1000)
        if milliseconds != known:
            known, timestamp = milliseconds, local_timestamp(end)
        yield timestamp, _message(request)


def format_json(requests: Sequence[Request], epoch: float) -> Iterator[tuple[str, ...]]:
    """A JSON object; `client` is null for a unix socket."""
    for request in requests:
        client, method, target, http_version, status, start, end = request
        entry = {
            "time": utc_timestamp(end + epoch),
            "severity": "INFO" if status < SERVER_ERROR else "ERROR",
            "level": "INFO",
            "logger": "ACCESS_LOG",
            "thread": "main",
            "message": _message(request),
            "client": client and client[0],
            "method": method,
            "target": target.decode("latin-1"),
            "http_version": http_version,
            "status": status,
            "milliseconds": int((end - start) * 1000),
        }
        yield (orjson.dumps(entry).decode(),)


def _message(request: Request) -> str:
    client, method, target, http_version, status, start, end = request
    format_request = _cached_request if len(target) <= MAX_CACHED_TARGET_BYTES else _request
    return _peer(client) + format_request(method, target, http_version, status, int((end - start) * 1000))


def _request(method: str, target: bytes, http_version: str, status: int, milliseconds: int) -> str:
    return f' "{method} {escape_controls(target.decode("latin-1"))} HTTP/{http_version}" {status} {milliseconds}'


_cached_request = lru_cache(maxsize=1024)(_request)


@lru_cache(maxsize=1024)
def _peer(client: Client) -> str:
    """The address as Java prints it; the peer of a unix socket has none."""
    if client is None:
        return "-"
    host, port = client
    return f"/[{host}]:{port}" if ":" in host else f"/{host}:{port}"
