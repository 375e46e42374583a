"""The exposition: the metrics of one server, shown in Prometheus' text format with the wording of TorchServe."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from handler.metrics.families import Family
from handler.metrics.series import Counter, Gauge, Histogram, Series
from handler.metrics.text import header, sample

Update = Callable[[float], object]
"""Takes a new value of one series: what to add, to set or to observe. Cheap, and safe on any thread."""

Updates = Callable[[Sequence[float]], object]
"""Takes several values of one series at once."""

TORCHSERVE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds of declared histograms, whatever their unit."""


def ignore(_value: object) -> None:
    """The update of a series that is not declared."""


def ignore_exemplar(_value: float, _trace_id: str) -> None:
    """The exemplar of a series that is not declared."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A declared family, the factory of its series, and the series by their label values."""

    family: Family
    make: Callable[[], Series]
    series: dict[tuple[str, ...], Series] = field(default_factory=dict)


class Exposition:
    """The families of one server and their series."""

    def __init__(self) -> None:
        self._shown: dict[str, _Shown] = {}

    def __repr__(self) -> str:
        return f"<Exposition {len(self._shown)} families>"

    def declare(self, family: Family, buckets: Sequence[float] = TORCHSERVE_BUCKETS) -> None:
        """Show a family from now on, without samples until one is bound; ValueError where its name is taken."""
        if family.name in self._shown:
            raise ValueError(f"metric {family.name} is declared twice")
        makers: dict[str, Callable[[], Series]] = {
            "counter": Counter, "gauge": Gauge, "histogram": lambda: Histogram(buckets),
        }  # fmt: skip
        self._shown[family.name] = _Shown(family, makers[family.kind])

    def bind(self, family: Family, values: Sequence[str]) -> Update:
        """The update of the series with these label values, which shows from now on.

        It does nothing where the family is not declared or has another number of labels, as in TorchServe.
        """
        series = self._series(family, values)
        if isinstance(series, Counter):
            return series.increase
        if isinstance(series, Gauge):
            return series.set
        return series.observe if series else ignore

    def bind_many(self, family: Family, values: Sequence[str]) -> Updates:
        """The same for a histogram that takes several values at once."""
        series = self._series(family, values)
        return series.observe_all if isinstance(series, Histogram) else ignore

    def watch(self, family: Family, values: Sequence[str], read: Callable[[], float]) -> None:
        """Show a gauge whose value is read anew at each scrape."""
        series = self._series(family, values)
        if isinstance(series, Gauge):
            series.read = read

    def remove(self, family: Family, values: Sequence[str]) -> None:
        """Remove one series; one that was never there is no error."""
        if family.name in self._shown:
            self._shown[family.name].series.pop(tuple(values), None)

    def render(self, names: Sequence[str] = ()) -> bytes:
        """The text format 0.0.4: all families, or only the samples with these names and the families that have any."""
        wanted = frozenset(names)
        parts = []
        for shown in [*self._shown.values()]:
            family, samples = shown.family, "".join(_samples(shown, wanted))
            if samples or not wanted:
                parts.append(header(family.name, family.kind, family.help) + samples)
        return "".join(parts).encode(errors="replace")

    def families(self) -> Iterator[tuple[Family, list[tuple[tuple[str, ...], Series]]]]:
        """Each family with its series by their label values."""
        for shown in [*self._shown.values()]:
            yield shown.family, [*shown.series.items()]

    def exemplars(self, family: Family, values: Sequence[str]) -> Callable[[float, str], object]:
        """A function that adds a value with its trace id as an exemplar of a histogram."""
        series = self._series(family, values)
        return series.add_exemplar if isinstance(series, Histogram) else ignore_exemplar

    def _series(self, family: Family, values: Sequence[str]) -> Series | None:
        shown = self._shown.get(family.name)
        if shown is None or len(values) != len(shown.family.labels):
            return None
        return shown.series.setdefault(tuple(values), shown.make())  # atomic: of two threads both get the same


def _samples(shown: _Shown, wanted: frozenset[str]) -> Iterator[str]:
    family = shown.family
    for values, series in [*shown.series.items()]:
        labels = dict(zip(family.labels, values, strict=True))
        for suffix, more, value in series.samples():
            name = family.name + suffix
            if not wanted or name in wanted:
                yield sample(name, {**labels, **more}, value)
