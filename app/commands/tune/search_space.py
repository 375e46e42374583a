"""Settings of a model, their measurements, and the search for the best, which changes one thing at a time."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

EXHAUSTIVE_COMBINATIONS = 9
"""Up to so many combinations are all measured."""
REQUIRED_GAIN = 1.03
"""The factor by which a larger batch, or another worker, has to win: measurements are not more exact."""
CLEARLY_WORSE = 1.25
"""The factor of a clear loss; after two of those in a row the remainder of an axis is skipped."""
GIVE_UP = 2.0
"""The factor of a loss at which a measurement is not carried to the end."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A way to serve a model; the delay is in milliseconds, and with `threads` None the server decides."""

    batch_size: int
    workers: int
    threads: int | None
    delay: int

    def __str__(self) -> str:
        threads = "threads as the server decides" if self.threads is None else f"threads {self.threads}"
        return f"batch size {self.batch_size}, workers {self.workers}, {threads}, delay {self.delay} ms"

    def yaml(self) -> str:
        """The lines of model-config.yaml that ask for this."""
        lines = [f"minWorkers: {self.workers}", f"maxWorkers: {self.workers}", f"batchSize: {self.batch_size}"]
        lines += [f"maxBatchDelay: {self.delay}"]
        return "\n".join(lines if self.threads is None else [*lines, f"threads: {self.threads}"]) + "\n"


@dataclass(frozen=True, slots=True)
class Measurement:
    """The requests per second of a setting, its latencies in milliseconds, the mean batch size, and its errors."""

    setting: Setting
    rate: float = 0.0
    p50: float = math.inf
    p95: float = math.inf
    p99: float = math.inf
    batch: float = 0.0
    errors: int = 0
    error: str = ""
    """The first error."""
    given_up: bool = False
    """Whether it was too much worse than the best to be measured to the end."""

    @property
    def ok(self) -> bool:
        """Whether every request was answered."""
        return not self.error

    def as_json(self) -> dict[str, Any]:
        """For machines: null where there is no latency."""
        return {key: None if value == math.inf else value for key, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Objective:
    """The most requests per second, or the least p95, among the settings whose p95 is at most `limit` ms."""

    kind: str = "throughput"
    limit: float | None = None

    def __str__(self) -> str:
        goal = "the most requests per second" if self.kind == "throughput" else "the least p95"
        return goal if self.limit is None else f"{goal} with a p95 of at most {self.limit:g} ms"

    def is_met_by(self, measured: Measurement) -> bool:
        """Whether the p95 is within the limit."""
        return self.limit is None or measured.p95 <= self.limit

    def beats(self, one: Measurement, other: Measurement, by: float = REQUIRED_GAIN) -> bool:
        """Whether one is better than the other by that factor; outside of the limit, the quicker is better."""
        mine, yours = (one.ok, self.is_met_by(one)), (other.ok, self.is_met_by(other))
        if mine != yours:
            return mine > yours
        if self.kind == "throughput" and self.is_met_by(one):
            return one.rate > by * other.rate
        return one.p95 * by < other.p95

    def gives_up(self, measured: Measurement, best: Measurement | None) -> bool:
        """Whether the figures so far are too bad for the measurement to go on."""
        return best is not None and self.beats(best, measured, GIVE_UP) and not self.beats(measured, best)


Change = Mapping[str, Any]
"""Fields of a setting with new values."""
Axis = Sequence[Change]
"""The alternatives for one thing that is changed, the simplest first."""
Measure = Callable[[Setting, Measurement | None], Awaitable[Measurement]]
"""Measures a setting; gets the best measurement so far, too."""


class Search:
    """Measures settings until no single change is worth it; few of them are all measured.

    The axes together name every field of a setting.
    """

    def __init__(self, axes: Sequence[Axis], objective: Objective, measure: Measure) -> None:
        self.found: dict[Setting, Measurement] = {}
        self.best: Measurement | None = None
        self._axes = axes
        self._start = Setting(**{name: value for axis in axes for name, value in axis[0].items()})
        self._objective, self._measure = objective, measure

    @property
    def expected(self) -> int:
        """The approximate number of settings that will be measured."""
        everything = math.prod(map(len, self._axes))
        return everything if everything <= EXHAUSTIVE_COMBINATIONS else 1 + sum(len(axis) - 1 for axis in self._axes)

    async def run(self) -> Measurement:
        """The best measurement; it has errors if nothing works."""
        best = await self._measure_once(self._start)
        if math.prod(map(len, self._axes)) <= EXHAUSTIVE_COMBINATIONS:
            for changes in product(*self._axes):
                best = await self._measure_once(_changed(self._start, *changes))
            return best
        while True:
            before = best
            for axis in self._axes:
                best = await self._walk(axis, best)
            if best is before:
                return best

    async def _walk(self, axis: Axis, best: Measurement) -> Measurement:
        """Measure along one axis; returns the best."""
        origin, worse = best.setting, 0
        for change in axis:
            setting = _changed(origin, change)
            best = await self._measure_once(setting)
            lost = self._objective.beats(best, self.found[setting], CLEARLY_WORSE)
            behind = axis.index(change) > _place(axis, best.setting)
            worse = worse + 1 if lost and behind else 0
            if worse == 2:
                break
        return best

    async def _measure_once(self, setting: Setting) -> Measurement:
        if setting not in self.found:
            self.found[setting] = measured = await self._measure(setting, self.best)
            if self.best is None or self._objective.beats(measured, self.best):
                self.best = measured
        assert self.best is not None
        return self.best


def _changed(setting: Setting, *changes: Change) -> Setting:
    for change in changes:
        setting = replace(setting, **change)
    return setting


def _place(axis: Axis, setting: Setting) -> int:
    """The index of a setting on an axis, -1 if it is not on it."""
    return next((place for place, change in enumerate(axis) if _changed(setting, change) == setting), -1)
