"""The access log: one line for each answered request."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from time import perf_counter, time

import orjson

from app.logging.formatters import stamp, utc_stamp

Client = tuple[str, int] | None
Request = tuple[Client, str, bytes, str, int, float, float]
"""Client, method, target, HTTP version, status, when it came and when it was answered (`perf_counter` seconds)."""
Write = Callable[[str], object]
"""Writes whole lines; never raises."""
Form = Callable[[Sequence[Request], float], Iterable[tuple[str, ...]]]
"""Makes the parts of each request's line, between which each output puts a text of its own; the second argument is what
makes seconds since 1970 of those of `perf_counter`."""

MOST = 512
"""Lines that are written at once, at most: whoever asks meanwhile waits for all of them."""
SHORT = 200
"""Bytes of a target up to which what is said of it is kept for others that ask the same."""
FILE = " - "
CONSOLE = " [INFO ] main ACCESS_LOG - "


class AccessLog:
    """Keeps requests in memory until `flush`, which writes them in one piece to each of `outputs`.

    An output is a function with what stands between time and message there: FILE or CONSOLE, as TorchServe has it.
    `soon` is called when a first line waits: whoever owns a timer then calls `flush` within a moment.
    """

    soon: Callable[[], object] | None = None

    def __init__(self, outputs: Sequence[tuple[Write, str]], form: Form) -> None:
        self._outputs = outputs
        self._form = form
        self._waiting: list[Request] = []

    def __repr__(self) -> str:
        return f"<AccessLog {len(self._waiting)} waiting>"

    @property
    def pending(self) -> bool:
        """Whether lines wait to be written."""
        return bool(self._waiting)

    def write(self, client: Client, method: str, target: bytes, http_version: str, status: int, began: float) -> None:
        """Note that a request, which came at `began` (`perf_counter` seconds), has been answered now.

        `target` is as it was sent, with its query. For one thread, and for the hot path: the lines are made by `flush`.
        """
        waiting = self._waiting
        waiting.append((client, method, target, http_version, status, began, perf_counter()))
        if 1 < len(waiting) < MOST:
            return
        if len(waiting) >= MOST:
            self.flush()
        elif self.soon is not None:
            self.soon()

    def flush(self) -> None:
        """Write what waits."""
        written, self._waiting = self._waiting, []
        if not written:
            return
        lines = [*self._form(written, time() - perf_counter())]
        for write, between in self._outputs:
            write("\n".join(map(between.join, lines)) + "\n")

    def close(self) -> None:
        """Write what waits, and lose what comes later."""
        self.flush()
        self._outputs = ()


def text_form(requests: Sequence[Request], clock: float) -> Iterator[tuple[str, ...]]:
    """Time and message, as TorchServe writes them."""
    known, mark = -1, ""
    for request in requests:
        answered = request[6] + clock
        milliseconds = int(answered * 1000)
        if milliseconds != known:
            known, mark = milliseconds, stamp(answered)
        yield mark, _message(request)


def json_form(requests: Sequence[Request], clock: float) -> Iterator[tuple[str, ...]]:
    """A JSON object; `client` is null for a unix socket."""
    for request in requests:
        client, method, target, http_version, status, began, answered = request
        entry = {
            "time": utc_stamp(answered + clock),
            "level": "INFO",
            "logger": "ACCESS_LOG",
            "thread": "main",
            "message": _message(request),
            "client": client and client[0],
            "method": method,
            "target": target.decode("latin-1"),
            "http_version": http_version,
            "status": status,
            "milliseconds": int((answered - began) * 1000),
        }
        yield (orjson.dumps(entry).decode(),)


def _message(request: Request) -> str:
    client, method, target, http_version, status, began, answered = request
    say = _said if len(target) <= SHORT else _say
    return _peer(client) + say(method, target, http_version, status, int((answered - began) * 1000))


def _say(method: str, target: bytes, http_version: str, status: int, milliseconds: int) -> str:
    return f' "{method} {target.decode("latin-1")} HTTP/{http_version}" {status} {milliseconds}'


_said = lru_cache(maxsize=1024)(_say)


@lru_cache(maxsize=1024)
def _peer(client: Client) -> str:
    """As Java prints addresses; a unix socket's peer has none."""
    if client is None:
        return "-"
    host, port = client
    return f"/[{host}]:{port}" if ":" in host else f"/{host}:{port}"
