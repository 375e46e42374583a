"""How a model could be served, what came of measuring it, and the search for the best: one thing changed at a time."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

SMALL = 9
"""Up to so many combinations are all measured."""
GAIN = 1.03
"""What something must win to be worth a larger batch, or another worker: a measurement is not more exact than this."""
WORSE = 1.25
"""Who loses by so much is clearly worse; after two of those in a row the rest of an axis is left out."""
HOPELESS = 2.0
"""Who loses by so much while it is still measured is not measured to the end."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a model is served; the delay is in milliseconds, and with `threads` None the server decides."""

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
class Measured:
    """What came of a setting: requests per second, milliseconds, the mean size of batches, and what went wrong."""

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
    """Whether it was so much worse than the best that it was not measured to the end."""

    @property
    def ok(self) -> bool:
        """Whether every request was answered."""
        return not self.error

    def as_json(self) -> dict[str, Any]:
        """For machines: null where there is no latency."""
        told = asdict(self)
        return {key: None if value == math.inf else value for key, value in told.items()}


@dataclass(frozen=True, slots=True)
class Objective:
    """What is best: the most requests per second, or the least p95; among those whose p95 is within `limit` ms."""

    kind: str = "throughput"
    limit: float | None = None

    def __str__(self) -> str:
        wish = "the most requests per second" if self.kind == "throughput" else "the least p95"
        return wish if self.limit is None else f"{wish} with a p95 of at most {self.limit:g} ms"

    def fits(self, measured: Measured) -> bool:
        """Whether it is quick enough."""
        return self.limit is None or measured.p95 <= self.limit

    def beats(self, one: Measured, other: Measured, by: float = GAIN) -> bool:
        """Whether one is better than the other by that factor; where neither is quick enough, the quicker is better."""
        mine, yours = (one.ok, self.fits(one)), (other.ok, self.fits(other))
        if mine != yours:
            return mine > yours
        if self.kind == "throughput" and self.fits(one):
            return one.rate > by * other.rate
        return one.p95 * by < other.p95

    def hopeless(self, measured: Measured, best: Measured | None) -> bool:
        """Whether what has been measured so far can be left at that."""
        return best is not None and self.beats(best, measured, HOPELESS) and not self.beats(measured, best)


Change = Mapping[str, Any]
"""Fields of a setting, and what they become."""
Axis = Sequence[Change]
"""What may be changed together, the simplest first."""
Measure = Callable[[Setting, Measured | None], Awaitable[Measured]]
"""Measures a setting; it is told the best so far."""


class Search:
    """Measures settings until no single change is worth it; few of them are all measured.

    The axes together name every field of a setting.
    """

    def __init__(self, axes: Sequence[Axis], objective: Objective, measure: Measure) -> None:
        self.found: dict[Setting, Measured] = {}
        self.best: Measured | None = None
        self._axes = axes
        self._start = Setting(**{name: value for axis in axes for name, value in axis[0].items()})
        self._objective, self._measure = objective, measure

    @property
    def expected(self) -> int:
        """How many settings will be measured, about."""
        everything = math.prod(map(len, self._axes))
        return everything if everything <= SMALL else 1 + sum(len(axis) - 1 for axis in self._axes)

    async def run(self) -> Measured:
        """The best; its errors tell if nothing works."""
        best = await self._try(self._start)
        if math.prod(map(len, self._axes)) <= SMALL:
            for changes in product(*self._axes):
                best = await self._try(_changed(self._start, *changes))
            return best
        while True:
            before = best
            for axis in self._axes:
                best = await self._walk(axis, best)
            if best is before:
                return best

    async def _walk(self, axis: Axis, best: Measured) -> Measured:
        """Change one thing; returns the best."""
        origin, worse = best.setting, 0
        for change in axis:
            setting = _changed(origin, change)
            best = await self._try(setting)
            lost = self._objective.beats(best, self.found[setting], WORSE)
            behind = axis.index(change) > _place(axis, best.setting)
            worse = worse + 1 if lost and behind else 0
            if worse == 2:
                break
        return best

    async def _try(self, setting: Setting) -> Measured:
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
    """Where on an axis a setting is; before its begin if it is not on it."""
    return next((place for place, change in enumerate(axis) if _changed(setting, change) == setting), -1)
