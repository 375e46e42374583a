"""How long a gathering worker should hope for company: waiting to fill a batch must pay."""

from collections import deque
from statistics import median_low

MEMORY = 9
"""Batches remembered. A new model starts hopeful; a lone client is believed to be alone after five of its requests."""


class Patience:
    """Expects as many jobs in flight as there usually were lately (the median over the last batches).

    Once that many are in flight nobody else is coming, so a lone client is served at once whatever `max_batch_delay`
    says, while clients that arrive together are gathered into one batch.
    """

    def __init__(self, batch_size: int) -> None:
        self._seen = deque([batch_size] * MEMORY, MEMORY)
        self._usual = batch_size

    @property
    def usual(self) -> int:
        """How many jobs are in flight at once, as a rule."""
        return self._usual

    def note(self, in_flight: int) -> None:
        """Remember how many jobs were in flight when a batch left."""
        self._seen.append(in_flight)
        self._usual = median_low(self._seen)

    def __repr__(self) -> str:
        return f"<Patience {self._usual} in flight as a rule>"
