"""The exposition: prometheus_client's metrics of one server, shown in the text format and wording of TorchServe."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from threading import Lock
from typing import TypeVar
from weakref import WeakKeyDictionary

from prometheus_client import Counter, Gauge

from handler.metrics.batch_histogram import Distribution, DistributionChild
from handler.metrics.families import Family
from handler.metrics.text import header, sample

Update = Callable[[float], object]
"""Takes a new value of one series: what to add, to set or to observe. Cheap, and safe on any thread."""

Updates = Callable[[Sequence[float]], object]
"""Takes several values of one series at once."""

Metric = Counter | Gauge | Distribution
Child = Counter | Gauge | DistributionChild

_K = TypeVar("_K", bound=Hashable)

TORCHSERVE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds of declared histograms, whatever their unit."""


def nothing(_value: float) -> None:
    """The update of a series that nobody declared."""


def nothing_of_all(_values: Sequence[float]) -> None:
    """The same for several values."""


class Bound(dict[_K, Update]):
    """Updates by key, each bound at its first use: a series shows only once it has a value, as TorchServe's do."""

    def __init__(self, bind: Callable[[_K], Update]) -> None:
        super().__init__()
        self._bind = bind

    def __missing__(self, key: _K) -> Update:
        update = self[key] = self._bind(key)
        return update


class Latest:
    """The value of a gauge, which asks for it when it is read: setting one takes a lock, and only the last counts."""

    def __init__(self, gauge: Gauge) -> None:
        self._value = 0.0
        gauge.set_function(lambda: self._value)

    def __repr__(self) -> str:
        return f"<Latest {self._value}>"

    def set(self, value: float) -> None:
        """Take a new value."""
        self._value = value


class Exposition:
    """The families of one server and their series, in no registry: a registry would rename TorchServe's counters."""

    def __init__(self) -> None:
        self._shown: dict[str, tuple[Family, Metric]] = {}
        self._latest = WeakKeyDictionary[Gauge, Latest]()
        self._binding = Lock()

    def __repr__(self) -> str:
        return f"<Exposition {len(self._shown)} families>"

    def declare(self, family: Family, buckets: Sequence[float] = TORCHSERVE_BUCKETS) -> None:
        """Show a family from now on, without samples until one is bound; ValueError where its name is taken."""
        if family.name in self._shown:
            raise ValueError(f"metric {family.name} is declared twice")
        self._shown[family.name] = family, _metric(family, buckets)

    def bind(self, family: Family, values: Sequence[str]) -> Update:
        """The update of the series with these label values, which shows from now on.

        It does nothing where the family is not declared or has another number of labels, as in TorchServe.
        """
        child = self._child(family, values)
        if isinstance(child, Counter):
            return child.inc
        if isinstance(child, Gauge):
            with self._binding:  # of two that set the same gauge, only one would be asked
                if child not in self._latest:
                    self._latest[child] = Latest(child)
                return self._latest[child].set
        return child.observe if child else nothing

    def bind_many(self, family: Family, values: Sequence[str]) -> Updates:
        """The same for a histogram that takes several values at once."""
        child = self._child(family, values)
        return child.observe_all if isinstance(child, DistributionChild) else nothing_of_all

    def watch(self, family: Family, values: Sequence[str], read: Callable[[], float]) -> None:
        """Show a gauge whose value is read anew at each scrape."""
        child = self._child(family, values)
        if isinstance(child, Gauge):
            child.set_function(read)

    def forget(self, family: Family, values: Sequence[str]) -> None:
        """Take one series away; one that was never there is no error."""
        if family.name in self._shown:
            self._shown[family.name][1].remove(*values)

    def render(self, names: Sequence[str] = ()) -> bytes:
        """The text format 0.0.4: all families, or only the samples with these names and the families that have any."""
        wanted = frozenset(names)
        return "".join(_render(family, metric, wanted) for family, metric in [*self._shown.values()]).encode()

    def _child(self, family: Family, values: Sequence[str]) -> Child | None:
        shown = self._shown.get(family.name)
        return shown[1].labels(*values) if shown and len(values) == len(shown[0].labels) else None


def _metric(family: Family, buckets: Sequence[float]) -> Metric:
    if family.kind == "histogram":
        return Distribution(family.name, family.help, family.labels, buckets)
    kind = Counter if family.kind == "counter" else Gauge
    return kind(family.name, family.help, family.labels, registry=None)


def _render(family: Family, metric: Metric, wanted: frozenset[str]) -> str:
    samples = "".join(_samples(family, metric, wanted))
    return header(family.name, family.kind, family.help) + samples if samples or not wanted else ""


def _samples(family: Family, metric: Metric, wanted: frozenset[str]) -> Iterator[str]:
    for collected in metric.collect():
        for name, labels, value, *_ in collected.samples:
            suffix = name.removeprefix(collected.name)
            # The library names counters by OpenMetrics' rules; TorchServe's keep the name that they were declared with.
            shown = family.name + ("" if suffix == "_total" else suffix)
            if suffix != "_created" and (not wanted or shown in wanted):
                yield sample(shown, labels, value)
