"""The connections of one uvicorn server: their common values, and the one timer that ends those that take too long."""

import asyncio
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from uvicorn.config import Config
from uvicorn.middleware.message_logger import MessageLoggerMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.server import ServerState

from app.http.fast_path import FAST_PATH, FastPath
from app.http.limits.progress import Phase, Progress, ProgressClock
from app.http.parser import RECEIVE_BUFFER_SIZE

MAX_INTERVAL_SECONDS = 15.0
"""Limits of time are checked as often as a quarter of the shortest, but at least this often."""
MIN_INTERVAL_SECONDS = 0.25
STALLED_SECONDS = 5.0
"""Time without progress after which an unread response may be cut when there are too many."""


class Connection(Protocol):
    """A connection that is watched over."""

    clock: ProgressClock

    def progress(self) -> Progress:
        """The phase that the connection is in."""

    def cut(self, phase: Phase) -> None:
        """End the connection, which has exceeded a limit in this phase."""


class Connections:
    """All connections of a server. A timer for each would cost more than the one that is kept here."""

    def __init__(self, config: Config, state: ServerState, app_state: dict[str, Any]) -> None:
        self.config = config
        self.app = config.loaded_app
        self.app_state = {name: value for name, value in app_state.items() if name != FAST_PATH}
        self.fast_path = _fast_path(config, app_state)
        self.receive_buffer = memoryview(bytearray(RECEIVE_BUFFER_SIZE))
        """The memory that connections receive into, one at a time."""
        self.state = state
        self.admission = self.fast_path.admission
        limits = self.admission.limits
        shortest = min(
            limits.client_header_timeout, limits.client_body_timeout, limits.send_timeout, config.timeout_keep_alive
        )
        self._interval = min(MAX_INTERVAL_SECONDS, max(MIN_INTERVAL_SECONDS, shortest / 4))
        self._shed_at = -STALLED_SECONDS
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Connections, {len(self.state.connections)} open>"

    def add(self, connection: Connection) -> None:
        """Watch over a new connection."""
        self.state.connections.add(connection)  # type: ignore[arg-type] # uvicorn names its own classes
        if self._timer is None:
            self._watch()

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is lost."""
        self.state.connections.discard(connection)

    def shed_idle(self) -> None:
        """Close a tenth of the connections, idle ones, so that those that have something to ask get in."""
        now = asyncio.get_running_loop().time()
        if now - self._shed_at >= 1:
            self._shed_at = now
            connections: list[Any] = list(self.state.connections)
            idle = [each for each in connections if each.progress().phase == "idle"]
            for connection in idle[: len(connections) // 10 + 1]:
                connection.cut("idle")

    def cut_stalled(self) -> None:
        """Cut the responses that are not read, as long as there are too many bytes of them."""
        now, admission = asyncio.get_running_loop().time(), self.admission
        connections: list[Any] = list(self.state.connections)
        for connection in connections:
            if admission.unsent_bytes <= admission.limits.max_unsent_bytes:
                break
            if connection.clock.stalled_seconds(now) >= STALLED_SECONDS:
                admission.refusals.add("max_unsent_bytes")
                connection.cut("unread")

    def _watch(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._check)

    def _check(self) -> None:
        self._timer, now = None, asyncio.get_running_loop().time()
        limits, keep_alive = self.admission.limits, self.config.timeout_keep_alive
        connections: list[Any] = list(self.state.connections)
        for connection in connections:
            progress = connection.progress()
            reason = connection.clock.overdue(now, progress, limits, keep_alive)
            if reason:
                connection.cut(progress.phase)
            if reason and reason != "keepalive_timeout":
                self.admission.refusals.add(reason)
        if self.admission.unsent_bytes > limits.max_unsent_bytes:
            self.cut_stalled()
        if self.state.connections:
            self._watch()


_SERVERS: WeakKeyDictionary[ServerState, Connections] = WeakKeyDictionary()


def connections_of(config: Config, state: ServerState, app_state: dict[str, Any]) -> Connections:
    """The connections of a server, which uvicorn knows by its state."""
    found = _SERVERS.get(state)
    if found is None:
        found = _SERVERS[state] = Connections(config, state, app_state)
    return found


def _fast_path(config: Config, app_state: dict[str, Any]) -> FastPath:
    """The fast path that the application has put into its state, unless requests pass something around it."""
    app: Any = config.loaded_app
    while isinstance(app, ProxyHeadersMiddleware | MessageLoggerMiddleware):
        app = app.app
    found = app_state.get(FAST_PATH)
    return found if isinstance(found, FastPath) and found.app is app else FastPath()
