"""Clients that load a server process, and requests for its state."""

import http.client
from collections.abc import Callable
from contextlib import closing
from threading import Event, Thread
from time import monotonic, sleep


class Load:
    """Clients that ask again as soon as they are answered, on connections that they keep; they retry nothing."""

    def __init__(self, url: str, clients: int, model: str) -> None:
        self.answered = self.lost = 0
        self.statuses: set[int] = set()
        self.busy = Event()
        """Set when some requests have been answered."""
        self._over = Event()
        self._where = url.removeprefix("http://")
        self._model = model
        self._threads = [Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(60)

    def stop(self) -> None:
        """Send no more requests."""
        self._over.set()

    def _run(self) -> None:
        with closing(http.client.HTTPConnection(self._where, timeout=30)) as connection:
            while not self._over.is_set() and self._connected(connection):
                try:
                    self._send_request(connection)
                except (OSError, http.client.HTTPException):
                    self.lost += 1
                    return

    def _connected(self, connection: http.client.HTTPConnection) -> bool:
        """False once the server accepts no more connections: no request was sent then, and none is lost."""
        try:
            if connection.sock is None:
                connection.connect()
        except ConnectionError:
            return False
        return True

    def _send_request(self, connection: http.client.HTTPConnection) -> None:
        connection.request("POST", f"/predictions/{self._model}", b"x", {"Content-Type": "text/plain"})
        answer = connection.getresponse()
        answer.read()
        self.answered += 1
        self.statuses.add(answer.status)
        if self.answered >= 50:
            self.busy.set()


def status(url: str) -> int:
    """The status of a GET."""
    where, _, path = url.removeprefix("http://").partition("/")
    with closing(http.client.HTTPConnection(where, timeout=30)) as connection:
        connection.request("GET", f"/{path}")
        return connection.getresponse().status


def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds; fails after 30 seconds."""
    deadline = monotonic() + 30
    while not condition():
        assert monotonic() < deadline
        sleep(0.01)
