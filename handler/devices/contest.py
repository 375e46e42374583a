"""Which of a few settings serves fastest: found by trying them, again and again, since models and neighbours differ."""

from collections import deque
from collections.abc import Hashable, Sequence
from statistics import median
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

TRIAL = 5
"""Batches in a row by which a setting is judged; an odd one among them decides nothing."""
SEASON = 200
"""Batches after which the other settings get another trial, for what has changed meanwhile."""
LEAD = 0.95
"""How much less time a setting must take to replace the one in use: a tie changes nothing."""


class Contest(Generic[T]):
    """Picks one of the candidates for each batch; the first is in use until another has shown to be faster.

    The one in use opens the trials, since the first batches of all may be slow for reasons of their own (TorchScript
    compiles at the second), and ends them: its later times count.
    """

    def __init__(self, candidates: Sequence[T]) -> None:
        self.best = candidates[0]
        self._candidates = tuple(dict.fromkeys(candidates))
        self._times = {candidate: deque[float](maxlen=TRIAL) for candidate in self._candidates}
        self._trials = self._plan()
        self._turn = 0

    def __repr__(self) -> str:
        return f"<Contest, {self.best} of {', '.join(map(str, self._candidates))}>"

    def pick(self) -> T:
        """The setting for the next batch."""
        if len(self._candidates) == 1:
            return self.best
        trial = self._turn // TRIAL
        return self._trials[trial] if trial < len(self._trials) else self.best

    def note(self, picked: T, seconds: float) -> None:
        """Take the time that a batch took for each of its rows."""
        if len(self._candidates) == 1:
            return
        self._times[picked].append(seconds)
        self._turn += 1
        if self._turn == TRIAL * len(self._trials):
            self._judge()
        elif self._turn >= SEASON:
            self._turn, self._trials = 0, self._plan()

    def _plan(self) -> list[T]:
        return [self.best, *(candidate for candidate in self._candidates if candidate != self.best), self.best]

    def _judge(self) -> None:
        fastest = min(self._candidates, key=self._typical)
        if self._typical(fastest) < LEAD * self._typical(self.best):
            self.best = fastest

    def _typical(self, candidate: T) -> float:
        return median(self._times[candidate])
