"""Live traffic in windows, each scored against a profile, or collected to become one."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from handler.job import Input, Output
from model_registry.drift.features import Value
from model_registry.drift.profile import MIN_SAMPLES as MIN_SAMPLES
from model_registry.drift.profile import Profile, Score
from model_registry.drift.sampling import sample_features
from model_registry.reply import PendingReply, ResponseStream

WINDOW_SAMPLES = 500
SAMPLES_PER_SECOND = 5.0
"""Samples taken at most: extracting features costs about as much as reading the body once more."""
PAUSE_PER_COST = 100
"""The time without samples after one, in multiples of what it took: large bodies cost 1 % of a core at most."""


class DriftMonitor:
    """Takes samples at a bounded rate; every `window` of them are scored, and `scores` holds the last result.

    Without a profile the first `window` samples become it.
    """

    def __init__(
        self, profile: Profile | None = None, *, window: int = WINDOW_SAMPLES, rate: float = SAMPLES_PER_SECOND,
        clock: Callable[[], float] = monotonic,
    ) -> None:  # fmt: skip
        self.profile = profile
        self.scores: list[Score] = []
        self.windows = 0
        self.on_scores: Callable[[Sequence[Score]], object] | None = None
        """Called with the scores of each window."""
        self.window = window
        self._interval = 1 / rate if rate else 0.0
        self._clock = clock
        self._due = clock()
        self._samples: list[Mapping[str, Value]] = []

    def __repr__(self) -> str:
        return f"<DriftMonitor {len(self._samples)} of {self.window}, {self.windows} windows>"

    @property
    def samples_in_window(self) -> int:
        """The samples of the window that is being filled."""
        return len(self._samples)

    def is_due(self) -> bool:
        """Whether the next request is to be sampled; asking takes the sample."""
        now = self._clock()
        if now < self._due:
            return False
        self._due = now + self._interval
        return True

    def watch(self, request: Input, reply: PendingReply) -> None:
        """Observe a request when its answer is there; failures and streams are no samples."""
        other = reply.observer

        def observe(outcome: Output | ResponseStream | Exception) -> None:
            if isinstance(outcome, Output):
                started = self._clock()
                self.observe(sample_features(request.parts, bytes(outcome.body)))
                now = self._clock()
                self._due = max(self._due, now + PAUSE_PER_COST * (now - started))
            if other is not None:
                other(outcome)

        reply.observer = observe

    def observe(self, sample: Mapping[str, Value]) -> None:
        """Add the features of a request and its answer."""
        self._samples.append(sample)
        if len(self._samples) < self.window:
            return
        samples, self._samples = self._samples, []
        if self.profile is None:
            self.profile = Profile.of(samples)
        else:
            self.scores = self.profile.score(samples)
            self.windows += 1
            if self.on_scores is not None:
                self.on_scores(self.scores)
