"""Checks answers: of many clients at once before a load, and periodically during it."""

import contextlib
import http.client
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from types import TracebackType
from typing import Any

from tests.benchmarks.jobs import Body
from tests.benchmarks.servers import Server, is_right


class Probe:
    """Sends requests in the background while the `with` lasts; `pause` is the seconds between two of them."""

    def __init__(self, server: Server, path: str, bodies: Sequence[Body], wanted: Sequence[Any], pause: float) -> None:
        self.right = self.wrong = self.failed = 0
        self._server, self._path, self._pause = server, path, pause
        self._pairs = list(zip(bodies, wanted, strict=True))
        self._stop = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def all_at_once(self, times: int = 3) -> None:
        """Every body from a client of its own at the same time, so that answers to the wrong client show."""
        with ThreadPoolExecutor(len(self._pairs)) as pool:
            list(pool.map(self._check, range(len(self._pairs) * times)))

    def __enter__(self) -> "Probe":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(self._pause):
            self._check(number)
            number += 1

    def _check(self, number: int) -> None:
        body, wanted = self._pairs[number % len(self._pairs)]
        answer = (0, b"")
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = self._server.ask(self._path, body)
        if answer[0] != 200:
            self.failed += 1
        elif is_right(answer, wanted):
            self.right += 1
        else:
            self.wrong += 1
