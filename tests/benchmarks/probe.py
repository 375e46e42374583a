"""Looks whether answers are right: of many clients at once before a load, and now and then during it."""

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
    """Asks in the background while the `with` lasts; `pause` is the seconds between two questions."""

    def __init__(self, server: Server, path: str, bodies: Sequence[Body], wanted: Sequence[Any], pause: float) -> None:
        self.right = self.wrong = self.failed = 0
        self._server, self._path, self._pause = server, path, pause
        self._asked = list(zip(bodies, wanted, strict=True))
        self._over = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def all_at_once(self, times: int = 3) -> None:
        """Every body from a client of its own at the same time, so that answers to the wrong client show."""
        with ThreadPoolExecutor(len(self._asked)) as pool:
            list(pool.map(self._ask, range(len(self._asked) * times)))

    def __enter__(self) -> "Probe":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._over.wait(self._pause):
            self._ask(number)
            number += 1

    def _ask(self, number: int) -> None:
        body, wanted = self._asked[number % len(self._asked)]
        answer = (0, b"")
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = self._server.ask(self._path, body)
        if answer[0] != 200:
            self.failed += 1
        elif is_right(answer, wanted):
            self.right += 1
        else:
            self.wrong += 1
