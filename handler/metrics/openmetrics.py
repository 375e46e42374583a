"""The exposition in OpenMetrics 1.0, which has exemplars. https://prometheus.io/docs/specs/om/open_metrics_spec/

A counter's samples end in _total there; those that do not, TorchServe's own, are of the type "unknown".
"""

from collections.abc import Iterator, Sequence

from handler.metrics.exposition import Exposition
from handler.metrics.families import Family
from handler.metrics.series import Exemplar, Histogram, Series
from handler.metrics.text import header, java_double, label_pairs

CONTENT_TYPE = b"application/openmetrics-text; version=1.0.0; charset=utf-8"
MEDIA_TYPE = "application/openmetrics-text"
_TOTAL = "_total"


def render_openmetrics(exposition: Exposition, names: Sequence[str] = ()) -> bytes:
    """All families, or only the samples with these names and the families that have any."""
    wanted, parts = frozenset(names), []
    for family, all_series in exposition.families():
        samples = "".join(line for values, series in all_series for line in _lines(family, values, series, wanted))
        if samples or not wanted:
            parts.append(header(*_name_and_type(family), family.help, is_openmetrics=True) + samples)
    return ("".join(parts) + "# EOF\n").encode(errors="replace")


def _name_and_type(family: Family) -> tuple[str, str]:
    if family.kind != "counter":
        return family.name, family.kind
    if family.name.endswith(_TOTAL):
        return family.name.removesuffix(_TOTAL), "counter"
    return family.name, "unknown"


def _lines(family: Family, values: Sequence[str], series: Series, wanted: frozenset[str]) -> Iterator[str]:
    labels = dict(zip(family.labels, values, strict=True))
    exemplars = series.exemplars if isinstance(series, Histogram) else {}
    for suffix, more, value in series.samples():
        name = family.name + suffix
        if not wanted or name in wanted:
            pairs = label_pairs({**labels, **more})
            exemplar = _exemplar(exemplars.get(more["le"])) if "le" in more else ""
            yield f"{name}{'{' + pairs + '}' if pairs else ''} {java_double(value)}{exemplar}\n"


def _exemplar(exemplar: Exemplar | None) -> str:
    if exemplar is None:
        return ""
    return f' # {{trace_id="{exemplar.trace_id}"}} {java_double(exemplar.value)} {exemplar.time:.3f}'
