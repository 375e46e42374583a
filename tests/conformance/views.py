"""The parts of a body that are compared where not all of it is TorchServe's promise."""

import json
import re
from collections.abc import Callable

COUNTED = re.compile(r"ts_inference_requests_total|Sample\w+")
"""The metrics whose values are the same in every run."""
SAMPLE = re.compile(r"(?P<name>[\w:]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")


def prometheus(text: str) -> str:
    """An exposition's lines in order, with ordered labels and without values."""
    return "\n".join(sorted({_line(line) for line in text.splitlines() if line}))


def _line(line: str) -> str:
    sample = SAMPLE.fullmatch(line)
    if sample is None:
        return line
    name, labels, value = sample.group("name", "labels", "value")
    ordered = ",".join(sorted(re.findall(r'\w+="[^"]*"', labels or "")))
    return f"{name}{{{ordered}}} {value if COUNTED.fullmatch(name) else '<v>'}"


def openapi(text: str) -> str:
    """The methods and paths that an API description lists."""
    paths = json.loads(text)["paths"]
    return "\n".join(sorted(f"{method.upper()} {path}" for path, methods in paths.items() for method in methods))


def in_order(text: str) -> str:
    """A JSON list or object in a fixed order, for TorchServe's own order of versions and nodes is that of chance."""
    value = json.loads(text)
    ordered = dict(sorted(value.items())) if isinstance(value, dict) else sorted(value, key=json.dumps)
    return json.dumps(ordered, indent=2) + "\n"


def start(text: str) -> str:
    """The two letters that a format is known by."""
    return text[:2]


VIEWS: dict[str, Callable[[str], str]] = {
    "prometheus": prometheus, "openapi": openapi, "sorted": in_order, "start": start,
}  # fmt: skip
