"""The waits before workers are started anew."""

from collections.abc import Iterator
from itertools import chain, repeat

STABLE_SECONDS = 10.0
"""A worker that has served for so long has not died of its start."""
RESTARTS_AT_ONCE = 2
"""Early deaths of each worker of a pool after which it is replaced without a wait."""
_DEATH_DELAYS = 1.0, 2.0, 3.0, 5.0, 8.0, 13.0


def restart_delays() -> Iterator[float]:
    """Seconds before each successive restart: at once, then 1, 1, 2, 3, 5, 8, ... as TorchServe does."""
    yield 0.0
    delay, following = 1, 1
    while True:
        yield float(delay)
        delay, following = following, min(delay + following, 1597)


class RestartBackoff:
    """Chooses the waits of one pool.

    After failed loads they are TorchServe's. A worker that dies once it has loaded is replaced at once, as there, but
    not for ever: where workers keep dying before they have served for `stable_seconds`, their starts would take the
    processor from all other models.
    """

    def __init__(self, stable_seconds: float = STABLE_SECONDS) -> None:
        self._stable_seconds = stable_seconds
        self._load_delays = restart_delays()
        self._early_deaths = 0
        self._death_delays: Iterator[float] = iter(())

    def __repr__(self) -> str:
        return f"<RestartBackoff after {self._early_deaths} early deaths>"

    def after_failed_load(self) -> float:
        """Seconds until the load is tried again."""
        return next(self._load_delays)

    def after_death(self, served_seconds: float, workers: int) -> float:
        """Seconds until the next start, after the death of one of so many workers that had loaded."""
        self._load_delays = restart_delays()
        if served_seconds >= self._stable_seconds:
            self._early_deaths = 0
        else:
            self._early_deaths += 1
        if self._early_deaths <= RESTARTS_AT_ONCE * workers:
            self._death_delays = chain(_DEATH_DELAYS, repeat(_DEATH_DELAYS[-1]))
            return 0.0
        return next(self._death_delays)
