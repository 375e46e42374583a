"""The access log: one line for each answered request."""

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from time import time

import orjson

from app.logs.lines import stamp, utc_stamp

Client = tuple[str, int] | None
Request = tuple[float, Client, str, str, str, int, int]
"""When it was answered (seconds), client, method, target, HTTP version, status, milliseconds."""
Form = Callable[[Request], tuple[str, ...]]
"""The parts of a request's line, between which each output puts a text of its own."""

MOST = 256
"""Lines that are written at once, at most: whoever asks meanwhile waits for all of them."""
FILE = " - "
CONSOLE = " [INFO ] main ACCESS_LOG - "


class AccessLog:
    """Keeps requests in memory until `flush`, which writes them in one piece to each of `outputs`.

    An output is a handler with what stands between time and message there: FILE or CONSOLE, as TorchServe has it.
    `soon` is called when a first line waits: whoever owns a timer then calls `flush` within a moment.
    """

    soon: Callable[[], object] | None = None

    def __init__(self, outputs: Sequence[tuple[logging.Handler, str]], form: Form) -> None:
        self._outputs = outputs
        self._form = form
        self._waiting: list[Request] = []

    def __repr__(self) -> str:
        return f"<AccessLog {len(self._waiting)} waiting>"

    def handlers(self) -> list[logging.Handler]:
        """Where the lines go."""
        return [handler for handler, _ in self._outputs]

    @property
    def pending(self) -> bool:
        """Whether lines wait to be written."""
        return bool(self._waiting)

    def write(
        self, client: Client, method: str, target: str, http_version: str, status: int, milliseconds: int
    ) -> None:
        """Note an answered request; `target` as it was sent, with its query. For one thread, and for the hot path."""
        waiting = self._waiting
        waiting.append((time(), client, method, target, http_version, status, milliseconds))
        if len(waiting) == 1 and self.soon is not None:
            self.soon()
        elif len(waiting) >= MOST:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        written, self._waiting = self._waiting, []
        if not written:
            return
        lines = [self._form(request) for request in written]
        for handler, between in self._outputs:
            handler.handle(logging.makeLogRecord({"msg": "\n".join([between.join(parts) for parts in lines])}))

    def close(self) -> None:
        """Write what waits, and lose what comes later."""
        self.flush()
        self._outputs = ()


def text_form(request: Request) -> tuple[str, ...]:
    """Time and message, as TorchServe writes them."""
    return stamp(request[0]), _message(request)


def json_form(request: Request) -> tuple[str, ...]:
    """A JSON object; `client` is null for a unix socket."""
    seconds, client, method, target, http_version, status, milliseconds = request
    entry = {
        "time": utc_stamp(seconds),
        "level": "INFO",
        "logger": "ACCESS_LOG",
        "thread": "main",
        "message": _message(request),
        "client": client and client[0],
        "method": method,
        "target": target,
        "http_version": http_version,
        "status": status,
        "milliseconds": milliseconds,
    }
    return (orjson.dumps(entry).decode(),)


def _message(request: Request) -> str:
    _, client, method, target, http_version, status, milliseconds = request
    return f'{_peer(client)} "{method} {target} HTTP/{http_version}" {status} {milliseconds}'


@lru_cache(maxsize=1024)
def _peer(client: Client) -> str:
    """As Java prints addresses; a unix socket's peer has none."""
    if client is None:
        return "-"
    host, port = client
    return f"/[{host}]:{port}" if ":" in host else f"/{host}:{port}"
