"""Which of a few settings serves fastest: found by trying them, again and again, since models and neighbours differ."""

from collections import deque
from collections.abc import Hashable, Sequence
from statistics import median
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

TRIAL = 5
"""Batches, at least, by which a setting is judged; an odd one among them decides nothing."""
MOMENT = 0.02
"""Seconds, at least, that they take together, unless told otherwise: short batches vary more."""
SEASON = 200
"""Batches after which the other settings get another trial, for what has changed meanwhile."""
SPELL = 5.0
"""Seconds of work after which they get it in any case: a few slow batches may have misled the last one."""
LONGEST = 8 * SEASON
"""Where trials change nothing, each season is twice as long as the one before, up to this: trials cost something."""
LEAD = 0.85
"""What part of the first one's time a setting must stay below, unless told otherwise: what it gains has to be worth
what it takes from others."""


class Autotuner(Generic[T]):
    """Picks one of the candidates for each batch; the first is in use unless another has shown to be clearly faster.

    The one in use opens the trials, since the first batches of all may be slow for reasons of their own (TorchScript
    compiles at the second), and ends them: its later times count. While batches take less than `worth` seconds with the
    first, no other is tried. When a batch comes to take less than the part `leap` of what it took in the trials, it is
    time for others.
    """

    def __init__(
        self,
        candidates: Sequence[T],
        *,
        lead: float = LEAD,
        moment: float = MOMENT,
        worth: float = 0.0,
        leap: float = 0.0,
    ) -> None:
        self.best = candidates[0]
        self._lead = lead
        self._moment = moment
        self._worth = worth
        self._leap = leap
        self._candidates = tuple(dict.fromkeys(candidates))
        self._typical: dict[T, float] = {}
        self._season = SEASON
        self._begin()

    def __repr__(self) -> str:
        return f"<Autotuner, {self.best} of {', '.join(map(str, self._candidates))}>"

    def pick(self) -> T:
        """The setting for the next batch."""
        return self._trials[0] if self._trials else self.best

    def note(self, rows: int, seconds: float) -> None:
        """Take the time of the batch for which a setting was picked last."""
        if len(self._candidates) == 1:
            return
        self._served += 1
        self._busy += seconds
        if self._trials:
            self._try(rows, seconds)
            return
        self._recent.append(seconds / rows)
        if self._is_over() or self._has_leapt():
            self._begin()

    def _begin(self) -> None:
        others = [candidate for candidate in self._candidates if candidate != self.best]
        self._trials = deque([self.best, *others, self.best])
        self._served, self._spent, self._busy = 0, 0.0, 0.0
        self._times: list[float] = []
        self._recent = deque[float](maxlen=TRIAL)

    def _try(self, rows: int, seconds: float) -> None:
        self._times.append(seconds / rows)
        self._spent += seconds
        if len(self._times) < TRIAL or self._spent < self._moment:
            return
        tried = self._trials.popleft()
        self._typical[tried] = median(self._times)
        if tried == self._candidates[0] and self._spent / len(self._times) < self._worth:
            self._typical = dict.fromkeys(self._candidates, self._typical[tried])
            self._trials.clear()
        self._times, self._spent = [], 0.0
        if not self._trials:
            self._judge()

    def _is_over(self) -> bool:
        """Whether the season is, in batches or in time."""
        return self._served >= self._season or self._busy >= SPELL * self._season / SEASON

    def _has_leapt(self) -> bool:
        recent = self._recent
        return len(recent) == TRIAL and median(recent) < self._leap * self._typical[self.best]

    def _judge(self) -> None:
        first, fastest = self._candidates[0], min(self._candidates, key=self._typical.__getitem__)
        best = fastest if self._typical[fastest] < self._lead * self._typical[first] else first
        self._season = SEASON if best != self.best else min(2 * self._season, LONGEST)
        self.best = best
