"""The connections of one uvicorn server: what they share, and the one timer that closes idle ones."""

import asyncio
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from uvicorn.config import Config
from uvicorn.middleware.message_logger import MessageLoggerMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.server import ServerState

from app.http.fast_path import FAST_PATH, FastPath
from app.http.parser import RECEIVE_BUFFER_SIZE

READ_TIMEOUT_SECONDS = 60.0
"""Time that a client may take between two pieces of one request."""


class Connection(Protocol):
    """A connection that is watched over."""

    def close_if_idle(self, read_timeout: float, keep_alive: float) -> None:
        """Close it if its client has been silent too long, within a request or between two; in seconds."""


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

    def _watch(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(READ_TIMEOUT_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        self._timer = None
        connections: list[Any] = list(self.state.connections)
        for connection in connections:
            connection.close_if_idle(READ_TIMEOUT_SECONDS, self.config.timeout_keep_alive)
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
