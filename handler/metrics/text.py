"""The text of metrics: Java's doubles, Prometheus samples, and the lines of TorchServe's metrics logs."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from handler.metrics.families import Family

_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})
_LABEL_ESCAPES = _HELP_ESCAPES | str.maketrans({'"': r"\""})


def java_double(value: float) -> str:
    """A number as Java's Double.toString writes it: "1.0", "1.234E7", "1.0E-5"; "+Inf", "-Inf", "NaN"."""
    if 1e-3 <= value < 1e7:
        return repr(float(value))
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0 or 1e-3 <= -value < 1e7:
        return repr(float(value))
    mantissa, exponent = f"{Decimal(repr(float(value))).normalize():E}".split("E")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def header(name: str, kind: str, help_text: str, *, is_openmetrics: bool = False) -> str:
    """The two comment lines above a family's samples; OpenMetrics escapes quotes in them, too."""
    escaped = help_text.translate(_LABEL_ESCAPES if is_openmetrics else _HELP_ESCAPES)
    return f"# HELP {name} {escaped}\n# TYPE {name} {kind}\n"


def sample(name: str, labels: Mapping[str, str], value: float) -> str:
    """One sample; a comma follows the last label too, as TorchServe writes it."""
    inside = "".join(f'{label}="{text.translate(_LABEL_ESCAPES)}",' for label, text in labels.items())
    return f"{name}{'{' + inside + '}' if inside else ''} {java_double(value)}\n"


def label_pairs(labels: Mapping[str, str]) -> str:
    """The labels of a sample, without a comma behind the last one."""
    return ",".join(f'{label}="{text.translate(_LABEL_ESCAPES)}"' for label, text in labels.items())


def log_line(family: Family, values: Iterable[str], request_ids: str | None = None) -> Callable[[float], str]:
    """A function from a value to its line in ts_metrics.log or, with `request_ids`, model_metrics.log, less the time.

    `values` are the label values; the last one is the host's name, whatever the file calls it.
    """
    *dimensions, host = values
    pairs = ",".join(f"{label}:{text}" for label, text in zip(family.labels, dimensions, strict=False))
    request = "" if request_ids is None else f"requestID:{request_ids or 'null'},"
    before, behind = f"{family.name}.{family.unit}:", f"|#{pairs}|#hostname:{host},{request}timestamp:"
    return lambda value: f"{before}{java_double(value)}{behind}{int(time.time())}"
