"""Decides how long a worker waits to fill a batch: the wait must pay."""

from collections import deque
from statistics import median

HISTORY_BATCHES = 9  # a new model expects full batches; a lone client is recognised after five of its requests
BATCH_TIME_FRACTION = 0.2
"""The part of a batch's own time that gathering it may take: clients that wait for each other come back together, in
less; independent ones would be served sooner one by one."""
FREE_WAIT_SECONDS = 0.001  # never too long
RETRY_BATCHES = 20  # served without a wait before gathering is tried again, for clients that come together now


class GatherPolicy:
    """Expects as many jobs in flight as there were lately (the median over the last batches).

    Once that many are in flight no further one is expected, so a lone client is served at once whatever
    `max_batch_delay` says, while clients that arrive together are gathered into one batch. Where the others come at
    random, the worker waits for none of them.
    """

    def __init__(self, batch_size: int) -> None:
        self._in_flight = deque([batch_size] * HISTORY_BATCHES, HISTORY_BATCHES)
        self._gather_seconds = deque([0.0] * HISTORY_BATCHES, HISTORY_BATCHES)
        self._batch_seconds = deque([0.0] * HISTORY_BATCHES, HISTORY_BATCHES)
        self._skipped = 0
        self.expected_in_flight = batch_size
        """The usual number of jobs in flight at once."""

    def __repr__(self) -> str:
        return f"<GatherPolicy expects {self.expected_in_flight} in flight>"

    @property
    def median_batch_seconds(self) -> float:
        """The time that a batch is in work, as a rule."""
        return median(self._batch_seconds)

    @property
    def is_gathering(self) -> bool:
        """Whether waiting for the expected jobs pays."""
        return median(self._gather_seconds) <= self._worthwhile_seconds

    def max_wait(self, delay: float) -> float:
        """Seconds that gathering the next batch may take, at most `delay`."""
        if self.is_gathering:
            return delay
        self._skipped = (self._skipped + 1) % RETRY_BATCHES
        return 0.0 if self._skipped else min(delay, self._worthwhile_seconds)

    def record_in_flight(self, jobs: int) -> None:
        """Add how many jobs were in flight when a batch was taken."""
        self._in_flight.append(jobs)
        self.expected_in_flight = sorted(self._in_flight)[HISTORY_BATCHES // 2]

    def record_gathering(self, seconds: float) -> None:
        """Add how long gathering took; infinity if not all expected jobs came."""
        self._gather_seconds.append(seconds)

    @property
    def _worthwhile_seconds(self) -> float:
        return max(FREE_WAIT_SECONDS, BATCH_TIME_FRACTION * self.median_batch_seconds)

    def record_batch(self, seconds: float) -> None:
        """Add how long a batch was in work."""
        self._batch_seconds.append(seconds)
