"""Clients that ask without a pause, and know the answers."""

import http.client
import time
from collections import Counter
from random import Random
from threading import Event, Thread
from types import TracebackType

from tests.campaign.target import ANSWER_SECONDS, KEEPS, Target


class Soak:
    """Threads that send requests over kept connections. With `may_fail` errors and closed connections are no losses.

    `counts` has "right", "wrong" (another answer than the handler's), "lost" (none in ANSWER_SECONDS, or an error that
    may not be) and "refused" (an error that may be).
    """

    def __init__(self, target: Target, clients: int, seed: int, *, may_fail: bool = False) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: list[str] = []
        self._target, self._may_fail = target, may_fail
        self._ended = Event()
        self._threads = [Thread(target=self._run, args=(Random(seed + index),)) for index in range(clients)]

    def __enter__(self) -> "Soak":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, random: Random) -> None:
        connection = None
        while not self._ended.is_set():
            connection = connection or http.client.HTTPConnection(
                "127.0.0.1", self._target.port, timeout=ANSWER_SECONDS
            )
            outcome = self._ask(connection, random)
            self.counts[outcome] += 1
            if outcome != "right":
                connection.close()
                connection = None
                self._ended.wait(0.02)
        if connection is not None:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, random: Random) -> str:
        body, started = random.randbytes(random.choice((1, 30, 3000))).hex(), time.monotonic()
        try:
            path = f"/predictions/{random.choice(KEEPS)}"
            connection.request("POST", path, body, {"Content-Type": "text/plain"})
            response = connection.getresponse()
            status, answer = response.status, response.read().decode()
        except TimeoutError:
            return self._record(
                "lost", f"no answer in {time.monotonic() - started:.1f} s at {time.strftime('%H:%M:%S')}"
            )
        except (OSError, http.client.HTTPException) as error:
            return "refused" if self._may_fail else self._record("lost", repr(error))
        if status == 200:
            return "right" if answer == body[::-1] else self._record("wrong", f"{body[:40]} -> {answer[:40]}")
        return "refused" if self._may_fail else self._record("lost", f"{status} {answer[:200]}")

    def _record(self, outcome: str, example: str) -> str:
        self.examples.append(f"{outcome}: {example}")
        return outcome
