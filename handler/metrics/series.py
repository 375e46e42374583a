"""The series of metrics: values that any thread may change, shown as samples."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from threading import Lock
from time import time
from typing import NamedTuple

SeriesSample = tuple[str, Mapping[str, str], float]
"""The suffix of the family's name, labels besides those of the series, and the value."""


class Exemplar(NamedTuple):
    """A value of a histogram that belongs to a trace; `time` is in seconds since 1970."""

    value: float
    trace_id: str
    time: float


class Counter:
    """A sum that grows."""

    def __init__(self) -> None:
        self._value = 0.0
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<Counter {self._value}>"

    def increase(self, amount: float) -> None:
        """Add the amount."""
        with self._lock:
            self._value += amount

    def samples(self) -> Iterator[SeriesSample]:
        """The sum."""
        yield "", {}, self._value


class Gauge:
    """The last of its values, or the value that a function returns at each scrape."""

    def __init__(self) -> None:
        cell = [0.0]
        self.set: Callable[[float], None] = partial(cell.__setitem__, 0)
        """Sets the value, without a lock and without running Python code: some gauges are set for every batch."""
        self.read: Callable[[], float] = partial(cell.__getitem__, 0)
        """Returns the value; may be replaced."""

    def __repr__(self) -> str:
        return f"<Gauge {self.read()}>"

    def samples(self) -> Iterator[SeriesSample]:
        """The value."""
        yield "", {}, self.read()


class Histogram:
    """Counts of values by bucket; `bounds` are the upper bounds of the buckets, ascending."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(map(float, bounds))
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._lock = Lock()
        self.exemplars: dict[str, Exemplar] = {}
        """The last exemplar of each bucket, by its upper bound as a label."""

    def __repr__(self) -> str:
        return f"<Histogram of {sum(self._counts)} values>"

    def observe(self, value: float) -> None:
        """Count one value."""
        self.observe_all((value,))

    def observe_all(self, values: Sequence[float]) -> None:
        """Count several values: on the hot path they are recorded first, and counted together."""
        bounds, counts = self._bounds, self._counts
        with self._lock:
            for value in values:
                counts[bisect_left(bounds, value)] += 1
            self._sum += sum(values)

    def add_exemplar(self, value: float, trace_id: str) -> None:
        """Remember a value, which is counted besides, with its trace."""
        index = bisect_left(self._bounds, value)
        bound = str(self._bounds[index]) if index < len(self._bounds) else "+Inf"
        self.exemplars[bound] = Exemplar(value, trace_id, time())

    def samples(self) -> Iterator[SeriesSample]:
        """The buckets, each with the values of those below it, then the number of values and their sum."""
        with self._lock:
            counts, total = list(accumulate(self._counts)), self._sum
        for bound, count in zip((*map(str, self._bounds), "+Inf"), counts, strict=True):
            yield "_bucket", {"le": bound}, count
        yield "_count", {}, counts[-1]
        yield "_sum", {}, total


Series = Counter | Gauge | Histogram
