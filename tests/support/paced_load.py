"""Clients that send requests at a rate, whatever the answers take, and remember each answer."""

import http.client
import itertools
import threading
import time
from collections import Counter
from collections.abc import Sequence

CLIENTS = 16
TIMEOUT_SECONDS = 30
ATTEMPTS = 3


class PacedLoad:
    """Requests for the model `m`, whose answer is its version: so many a second in all, while the block runs.

    With several ports the clients take the next one where a connection is refused or cut, as a balancer does.
    """

    def __init__(self, ports: Sequence[int], rate: float) -> None:
        self._ports = itertools.cycle(ports)
        self._attempts = 1 if len(ports) == 1 else ATTEMPTS
        self._pause = CLIENTS / rate
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]
        self.answers: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.in_force = 0
        """The version that all replicas serve: a request that is sent from now on has to be answered by it, or a later
        one."""
        self.stale = 0
        """Answers of an older one."""

    def __enter__(self) -> "PacedLoad":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    @property
    def failures(self) -> dict[str, int]:
        """The answers that were none of a version, and how many there were of each."""
        return {answer: count for answer, count in self.answers.items() if not answer.isdigit()}

    def _run(self, number: int) -> None:
        due = time.monotonic() + self._pause * number / CLIENTS
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            due += self._pause
            in_force, began = self.in_force, time.monotonic()
            answer = self._ask()
            with self._lock:
                self.answers[answer] += 1
                self.latencies.append(time.monotonic() - began)
                self.stale += answer.isdigit() and int(answer) < in_force

    def _ask(self) -> str:
        failure = ""
        for _ in range(self._attempts):
            with self._lock:
                port = next(self._ports)
            try:
                status, body = call(port, "POST", "/predictions/m", b"x")
            except OSError as error:
                failure = type(error).__name__
            else:
                return body if status == 200 else f"status {status}"
        return failure


def call(
    port: int, method: str, path: str, body: bytes | None = None, timeout: float = TIMEOUT_SECONDS
) -> tuple[int, str]:
    """Status and body of a request; raises OSError."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()
