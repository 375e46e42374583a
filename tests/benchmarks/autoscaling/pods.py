"""The pods of a deployment: a queue each, a capacity, and the seconds that one takes to start."""

from typing import NamedTuple

import numpy as np

Array = np.ndarray[tuple[int], np.dtype[np.float64]]


class Capacity(NamedTuple):
    """A pod: requests a second, seconds of a request that does not wait, places in its queue, seconds of its start."""

    rate: float
    seconds: float
    queue: int
    start_seconds: float


class Step(NamedTuple):
    """The requests of a step: answered and refused, and for each pod how many and after which seconds."""

    refused: int
    answered: Array
    latencies: Array


class Pods:
    """Pods behind a service that chooses one at random for each request."""

    def __init__(self, capacity: Capacity, count: int) -> None:
        self._capacity = capacity
        self.queues = np.zeros(count)
        """The requests that wait in each pod that is ready."""
        self.busy_seconds = np.zeros(count)
        """The time that each was busy; the reader sets it back to 0."""
        self._starting: list[float] = []

    def __repr__(self) -> str:
        return f"<Pods {self.queues.size} ready, {len(self._starting)} starting>"

    @property
    def count(self) -> int:
        """All pods, those that start included."""
        return self.queues.size + len(self._starting)

    def scale(self, now: float, count: int) -> None:
        """Start pods, or stop some: those that start first, then the last ones, which answer what waits in them."""
        self._starting += [now + self._capacity.start_seconds] * (count - self.count)
        while self.count > count and self._starting:
            self._starting.pop()
        self.queues, self.busy_seconds = self.queues[:count], self.busy_seconds[:count]

    def serve(self, now: float, arrivals: int, seconds: float, rng: np.random.Generator) -> Step:
        """Let requests arrive, be refused where a queue is full, and be answered, for so many seconds."""
        ready = sum(due <= now for due in self._starting)
        self._starting = [due for due in self._starting if due > now]
        if ready:
            self.queues, self.busy_seconds = (np.pad(each, (0, ready)) for each in (self.queues, self.busy_seconds))
        share = rng.multinomial(arrivals, np.full(self.queues.size, 1 / self.queues.size))
        served = self._capacity.rate * seconds
        before = self.queues
        self.busy_seconds += seconds * np.minimum(1.0, (before + share) / served)
        waiting = np.maximum(0.0, before + share - served)
        refused = np.maximum(0.0, waiting - self._capacity.queue)
        self.queues = waiting - refused
        latencies = self._capacity.seconds + (before + self.queues) / 2 / self._capacity.rate
        return Step(round(float(refused.sum())), share - refused, latencies)
