"""The features of a request together with those of its answer."""

from collections.abc import Iterable

from handler.job import Part
from model_registry.drift.features import Value, features_of

INPUT_PREFIX, OUTPUT_PREFIX = "input", "output"


def sample_features(parts: Iterable[Part], answer: bytes) -> dict[str, Value]:
    """The features of a request's parts and of its answer."""
    found: dict[str, Value] = {}
    for part in parts:
        name = INPUT_PREFIX if part.name in ("body", "data") else f"{INPUT_PREFIX}.{part.name}"
        found |= features_of(part.value, name)
    return found | features_of(answer, OUTPUT_PREFIX)
