"""How long a gathering worker should hope for company: waiting to fill a batch must pay."""

from collections import deque
from statistics import median

MEMORY = 9
"""Batches remembered. A new model starts hopeful; a lone client is believed to be alone after five of its requests."""
PART = 0.2
"""The part of a batch's own time that gathering it may take: clients that wait for each other come back together, in
less; those that know nothing of each other would be served sooner one by one."""
MOMENT = 0.001
"""Seconds of gathering that are never too long."""
SEASON = 20
"""Batches that are served at once before another try, no longer than pays, for clients that come together now."""


class GatherPolicy:
    """Expects as many jobs in flight as there usually were lately (the median over the last batches).

    Once that many are in flight nobody else is coming, so a lone client is served at once whatever `max_batch_delay`
    says, while clients that arrive together are gathered into one batch. Where the others take their time, as chance
    has it, nobody is waited for.
    """

    def __init__(self, batch_size: int) -> None:
        self._seen = deque([batch_size] * MEMORY, MEMORY)
        self._usual = batch_size
        self._gathering = deque([0.0] * MEMORY, MEMORY)
        self._serving = deque([0.0] * MEMORY, MEMORY)
        self._left_out = 0

    @property
    def usual(self) -> int:
        """How many jobs are in flight at once, as a rule."""
        return self._usual

    @property
    def typical(self) -> float:
        """Seconds that a batch is in work, as a rule."""
        return median(self._serving)

    def note(self, in_flight: int) -> None:
        """Remember how many jobs were in flight when a batch left."""
        self._seen.append(in_flight)
        self._usual = sorted(self._seen)[MEMORY // 2]

    def allowance(self, most: float) -> float:
        """Seconds that gathering the next batch may take, where `most` is configured."""
        worth = max(MOMENT, PART * self.typical)
        if median(self._gathering) <= worth:
            return most
        self._left_out = (self._left_out + 1) % SEASON
        return 0.0 if self._left_out else min(most, worth)

    def gathered(self, seconds: float) -> None:
        """Remember how long that took; infinity if not all came."""
        self._gathering.append(seconds)

    def served(self, seconds: float) -> None:
        """Remember how long a batch was in work."""
        self._serving.append(seconds)

    def __repr__(self) -> str:
        return f"<GatherPolicy {self._usual} in flight as a rule>"
