"""Histograms that take many observations at once: on the hot path they are noted, and counted together."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from threading import Lock

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.utils import floatToGoString


class Distribution:
    """A histogram with labels, as prometheus_client's own; `bounds` are the upper bounds of its buckets, ascending."""

    def __init__(self, name: str, about: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self._name, self._about, self._labels = name, about, labels
        self._bounds = tuple(map(float, bounds))
        self._children: dict[tuple[str, ...], DistributionChild] = {}
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<Distribution {self._name}, {len(self._children)} series>"

    def labels(self, *values: str) -> "DistributionChild":
        """The series with these label values, made if it is not there."""
        with self._lock:
            return self._children.setdefault(tuple(map(str, values)), DistributionChild(self._bounds))

    def remove(self, *values: str) -> None:
        """Take one series away; one that is not there is no error."""
        with self._lock:
            self._children.pop(tuple(map(str, values)), None)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The family with all its samples."""
        family = HistogramMetricFamily(self._name, self._about, labels=self._labels)
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        for values, child in [*self._children.items()]:
            counts, total = child.read()
            family.add_metric(values, list(zip(names, accumulate(counts), strict=True)), total)
        yield family


class DistributionChild:
    """One series; safe on any thread."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0
        self._lock = Lock()

    def observe(self, value: float) -> None:
        """Count one value."""
        self.observe_all((value,))

    def observe_all(self, values: Sequence[float]) -> None:
        """Count them all."""
        bounds, counts = self._bounds, self._counts
        with self._lock:
            for value in values:
                counts[bisect_left(bounds, value)] += 1
            self._total += sum(values)

    def read(self) -> tuple[list[int], float]:
        """How many values are in each bucket (not in those below it), and the sum of all."""
        with self._lock:
            return self._counts.copy(), self._total
