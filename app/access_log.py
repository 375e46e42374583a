"""The access log: one line for each answered request."""

import logging
from collections.abc import Callable, Sequence
from time import time

import orjson

from app.log_lines import stamp, text_line, utc_stamp

Client = tuple[str, int] | None
Request = tuple[float, Client, str, str, str, int, int]
"""When it was answered (seconds), client, method, target, HTTP version, status, milliseconds."""
Form = Callable[[Request], str]


class AccessLog:
    """Keeps requests in memory until `flush`, which writes them in one piece to each of `outputs`.

    `soon` is called when a first line waits: whoever owns a timer then calls `flush` within a moment.
    """

    soon: Callable[[], object] | None = None

    def __init__(self, outputs: Sequence[tuple[logging.Handler, Form]]) -> None:
        self._outputs = outputs
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

    def flush(self) -> None:
        """Write what waits."""
        written, self._waiting = self._waiting, []
        if not written:
            return
        for handler, form in self._outputs:
            lines = "\n".join(map(form, written))
            handler.handle(logging.makeLogRecord({"msg": lines}))


def file_line(request: Request) -> str:
    """The line of access_log.log, as TorchServe writes it."""
    return f"{stamp(request[0])} - {_message(request)}"


def console_line(request: Request) -> str:
    """The line among the others of the console."""
    return text_line(request[0], "INFO", "main", "ACCESS_LOG", _message(request))


def json_line(request: Request) -> str:
    """A JSON object for file and console; `client` is null for a unix socket."""
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
    return orjson.dumps(entry).decode()


def _message(request: Request) -> str:
    _, client, method, target, http_version, status, milliseconds = request
    return f'{_peer(client)} "{method} {target} HTTP/{http_version}" {status} {milliseconds}'


def _peer(client: Client) -> str:
    """As Java prints addresses; a unix socket's peer has none."""
    if client is None:
        return "-"
    host, port = client
    return f"/[{host}]:{port}" if ":" in host else f"/{host}:{port}"
