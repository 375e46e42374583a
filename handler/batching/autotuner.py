"""Finds the fastest of a few settings by trials: models and neighbours differ, come and go."""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

from handler.batching.trial import Trial

T = TypeVar("T", bound=Hashable)

SETTLING_BLOCKS = 3  # the first of all are slow for reasons of their own: TorchScript compiles at the second
RETRIAL_SECONDS = 2.0  # of work, between two trials at least
MAX_TRIAL_COST = 0.03  # the part of the time that trials may lose
HISTORY_BLOCKS = 5


class Decision(NamedTuple):
    """A change of a setting, and its reason in words."""

    before: object
    after: object
    reason: str


class Autotuner(Generic[T]):
    """Chooses one of the candidates for each batch: the first, until another has shown to be faster.

    All others are tried soon after the first blocks; then one of them every `RETRIAL_SECONDS` of work, or less often
    where that would cost more than MAX_TRIAL_COST. A block is one batch, or as many as take `block_seconds`. While
    batches take less than `quick_seconds`, the setting is `quick`, and nothing is tried. `on_change` is called with
    each change.
    """

    def __init__(
        self,
        candidates: Sequence[T],
        *,
        block_seconds: float = 0.0,
        quick: T | None = None,
        quick_seconds: float = 0.0,
        on_change: Callable[[Decision], object] | None = None,
    ) -> None:
        self.best = candidates[0]
        self.on_change = on_change
        self._candidates = tuple(dict.fromkeys(candidates))
        self._block_seconds = block_seconds
        self._quick, self._quick_seconds = quick, quick_seconds
        self._challenger = self.best
        self._trial: Trial | None = None
        self._untried = list(self._candidates[1:])
        self._settling = SETTLING_BLOCKS
        self._rows, self._batches, self._seconds = 0, 0, 0.0
        self._are_short = deque[bool](maxlen=HISTORY_BLOCKS)
        self._rest(0.0)

    def __repr__(self) -> str:
        return f"<Autotuner, {self.best} of {', '.join(map(str, self._candidates))}>"

    def choose(self) -> T:
        """The setting for the next batch."""
        return self._challenger if self._trial is not None and self._trial.is_of_other else self.best

    def record(self, rows: int, seconds: float) -> None:
        """Add the time of the batch for which a setting was chosen last."""
        if len(self._candidates) == 1:
            return
        self._rows, self._batches, self._seconds = self._rows + rows, self._batches + 1, self._seconds + seconds
        if self._seconds < self._block_seconds:
            return
        if self._settling:
            self._settling -= 1
        elif self._trial is not None:
            self._record_trial(self._trial)
        else:
            self._record_rest()
        self._rows, self._batches, self._seconds = 0, 0, 0.0

    def _record_rest(self) -> None:
        self._are_short.append(self._seconds < self._batches * self._quick_seconds)
        self._rested_seconds += self._seconds
        if len(self._are_short) < HISTORY_BLOCKS:
            return
        if self._quick is not None and sum(self._are_short) > HISTORY_BLOCKS // 2:
            self._use(self._quick, "batches are short")
        elif self._untried or self._rested_seconds >= self._rest_seconds:
            self._start_trial()

    def _start_trial(self) -> None:
        others = [each for each in self._candidates if each != self.best]
        self._untried = [each for each in self._untried if each != self.best] or sorted(
            others,
            key=lambda each: each == self._challenger,  # tried last, comes last
        )
        self._challenger = self._untried.pop(0)
        self._trial = Trial()

    def _record_trial(self, trial: Trial) -> None:
        is_won = trial.record(self._seconds / self._rows, self._seconds)
        if is_won is None:
            return
        self._trial = None
        self._rest(0.0 if is_won else trial.cost)
        if is_won:
            tried, self._challenger = self._challenger, self.best
            self._use(tried, f"a request takes {trial.gain:.0%} less time")

    def _rest(self, cost: float) -> None:
        """Begin the time without trials after one that has lost `cost` seconds."""
        self._rest_seconds = max(RETRIAL_SECONDS, cost / MAX_TRIAL_COST)
        self._rested_seconds = 0.0

    def _use(self, setting: T, reason: str) -> None:
        if setting != self.best:
            before, self.best = self.best, setting
            if self.on_change is not None:
                self.on_change(Decision(before, setting, reason))
