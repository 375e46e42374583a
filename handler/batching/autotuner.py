"""Finds the fastest of a few settings by trying them, again and again: models and neighbours differ and change."""

from collections import deque
from collections.abc import Hashable, Sequence
from statistics import median
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

TRIAL_BATCHES = 5  # by the median of so many, at least, a setting is judged: an odd one decides nothing
TRIAL_SECONDS = 0.02  # that they take together, at least: short batches vary more
RETRIAL_BATCHES = 200
RETRIAL_SECONDS = 5.0  # of work, per RETRIAL_BATCHES: a few slow batches may have misled the last trials
MAX_RETRIAL_BATCHES = 8 * RETRIAL_BATCHES  # where trials change nothing, the interval doubles up to this
REQUIRED_RATIO = 0.85  # a gain has to be worth what it takes from others


class Autotuner(Generic[T]):
    """Chooses one of the candidates for each batch: the first, unless another has shown to be clearly faster.

    A trial serves some batches with each candidate. It begins with the one in use, since the first batches of all may
    be slow for reasons of their own (TorchScript compiles at the second), and ends with it: its later times count.
    Trials are repeated after `RETRIAL_BATCHES`, and as soon as batches take less than `retrial_ratio` of the time that
    they took in the last one. Another candidate wins below `required_ratio` of the first one's time. While batches take
    less than `min_seconds` with the first, no other is tried. Each candidate is tried for `trial_seconds` at least.
    """

    def __init__(
        self,
        candidates: Sequence[T],
        *,
        required_ratio: float = REQUIRED_RATIO,
        trial_seconds: float = TRIAL_SECONDS,
        min_seconds: float = 0.0,
        retrial_ratio: float = 0.0,
    ) -> None:
        self.best = candidates[0]
        self._required_ratio = required_ratio
        self._trial_seconds = trial_seconds
        self._min_seconds = min_seconds
        self._retrial_ratio = retrial_ratio
        self._candidates = tuple(dict.fromkeys(candidates))
        self._median_seconds: dict[T, float] = {}
        self._retrial_batches = RETRIAL_BATCHES
        self._start_trials()

    def __repr__(self) -> str:
        return f"<Autotuner, {self.best} of {', '.join(map(str, self._candidates))}>"

    def choose(self) -> T:
        """The setting for the next batch."""
        return self._trials[0] if self._trials else self.best

    def record(self, rows: int, seconds: float) -> None:
        """Add the time of the batch for which a setting was chosen last."""
        if len(self._candidates) == 1:
            return
        self._batches += 1
        self._busy_seconds += seconds
        if self._trials:
            self._record_trial(rows, seconds)
            return
        self._recent.append(seconds / rows)
        is_due = self._batches >= self._retrial_batches
        is_late = self._busy_seconds >= RETRIAL_SECONDS * self._retrial_batches / RETRIAL_BATCHES
        threshold = self._retrial_ratio * self._median_seconds[self.best]
        if is_due or is_late or (len(self._recent) == TRIAL_BATCHES and median(self._recent) < threshold):
            self._start_trials()

    def _start_trials(self) -> None:
        others = [candidate for candidate in self._candidates if candidate != self.best]
        self._trials = deque([self.best, *others, self.best])
        self._batches, self._busy_seconds = 0, 0.0
        self._row_times: list[float] = []
        self._spent_seconds = 0.0
        self._recent = deque[float](maxlen=TRIAL_BATCHES)

    def _record_trial(self, rows: int, seconds: float) -> None:
        self._row_times.append(seconds / rows)
        self._spent_seconds += seconds
        if len(self._row_times) < TRIAL_BATCHES or self._spent_seconds < self._trial_seconds:
            return
        tried = self._trials.popleft()
        self._median_seconds[tried] = median(self._row_times)
        if tried == self._candidates[0] and self._spent_seconds / len(self._row_times) < self._min_seconds:
            self._median_seconds = dict.fromkeys(self._candidates, self._median_seconds[tried])
            self._trials.clear()
        self._row_times, self._spent_seconds = [], 0.0
        if not self._trials:
            self._select_best()

    def _select_best(self) -> None:
        times, first = self._median_seconds, self._candidates[0]
        fastest = min(self._candidates, key=times.__getitem__)
        best = fastest if times[fastest] < self._required_ratio * times[first] else first
        next_interval = min(2 * self._retrial_batches, MAX_RETRIAL_BATCHES)
        self._retrial_batches = RETRIAL_BATCHES if best != self.best else next_interval
        self.best = best
