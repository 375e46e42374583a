"""The profile of a model: the distribution of each feature in what the model was made for."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from model_registry.drift.features import MAX_FEATURES, Value
from model_registry.drift.statistics import Floats, histogram, ks_distance, ks_p_value, psi, quantile_edges
from model_registry.files.documents import check_surrogates

BINS = 10
MAX_REFERENCE = 2000
"""Values of a feature that a profile keeps."""
MAX_WORDS = 50
"""Words of a feature that are counted one by one; all others are one."""
OTHER_WORDS = "(other)"
MIN_SAMPLES = 20
PROFILE_FILE = "drift-profile.json"
"""The name of the profile in an archive."""
FORMAT = 1


class InvalidProfile(ValueError):
    """A profile cannot be read, or too few samples were given to make one."""


@dataclass(frozen=True, slots=True)
class Score:
    """The drift of one feature in one window."""

    feature: str
    psi: float
    ks: float | None = None
    """The Kolmogorov-Smirnov distance; None for words."""
    p_value: float | None = None
    missing: float = 0.0
    """The part of the window's samples without this feature, above the reference's."""

    def to_json(self) -> dict[str, Any]:
        """The score by its members' names."""
        return {"feature": self.feature, **self.statistics()}

    def statistics(self) -> dict[str, float]:
        """The statistics that the feature has, by name."""
        found = {"psi": self.psi, "ks": self.ks, "p_value": self.p_value, "missing": self.missing}
        return {name: round(value, 6) for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class NumberProfile:
    """The reference of a number: some of its values in order, and the part of the samples that have it."""

    values: Floats
    present: float

    def score(self, feature: str, values: list[Value], samples: int) -> Score:
        """The drift of the values that a window of so many samples has."""
        window = np.array([value for value in values if isinstance(value, float)])
        missing = max(0.0, self.present - len(window) / samples)
        if not len(window):
            return Score(feature, 0.0, missing=missing)
        edges = quantile_edges(self.values, BINS)
        distance = ks_distance(self.values, window)
        p_value = ks_p_value(distance, len(self.values), len(window))
        return Score(feature, psi(histogram(self.values, edges), histogram(window, edges)), distance, p_value, missing)


@dataclass(frozen=True, slots=True)
class WordProfile:
    """The reference of a word, such as a predicted class: how often each came."""

    counts: Mapping[str, int]
    present: float

    def score(self, feature: str, values: list[Value], samples: int) -> Score:
        """The drift of the values that a window of so many samples has."""
        words = [str(value) for value in values]
        found = Counter(word if word in self.counts else OTHER_WORDS for word in words)
        names = [*self.counts, *([] if OTHER_WORDS in self.counts else [OTHER_WORDS])]
        reference = np.array([self.counts.get(name, 0) for name in names], dtype=float)
        counts = np.array([found.get(name, 0) for name in names], dtype=float)
        missing = max(0.0, self.present - len(words) / samples)
        return Score(feature, psi(reference, counts) if words else 0.0, missing=missing)


FeatureProfile = NumberProfile | WordProfile


@dataclass(frozen=True, slots=True)
class Profile:
    """The reference distributions of a model, by feature."""

    features: Mapping[str, FeatureProfile]
    samples: int

    @classmethod
    def of(cls, samples: Iterable[Mapping[str, Value]]) -> "Profile":
        """Make a profile from the features of samples; raises InvalidProfile for fewer than MIN_SAMPLES."""
        columns, count = collect(samples)
        if count < MIN_SAMPLES:
            raise InvalidProfile(f"a profile needs at least {MIN_SAMPLES} samples, and there are {count}")
        return cls({name: _profile(values, count) for name, values in columns.items()}, count)

    def score(self, window: Iterable[Mapping[str, Value]]) -> list[Score]:
        """The drift of each feature in a window of samples."""
        columns, count = collect(window, self.features)
        return [profile.score(name, columns.get(name, []), max(1, count)) for name, profile in self.features.items()]

    def to_json(self) -> str:
        """The profile as `from_json` reads it."""
        features = {name: _to_json(profile) for name, profile in self.features.items()}
        return json.dumps({"format": FORMAT, "samples": self.samples, "features": features})

    @classmethod
    def from_json(cls, text: str | bytes) -> "Profile":
        """Read a profile; raises InvalidProfile."""
        try:
            raw = json.loads(text)
            check_surrogates(text if isinstance(text, str) else text.decode(), raw)
            if raw["format"] != FORMAT:
                raise InvalidProfile(f"a profile of format {raw['format']}; this version reads format {FORMAT}")
            return cls({name: _from_json(one) for name, one in raw["features"].items()}, int(raw["samples"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InvalidProfile(f"no profile: {error}") from error


def collect(
    samples: Iterable[Mapping[str, Value]], wanted: Iterable[str] | None = None
) -> tuple[dict[str, list[Value]], int]:
    """The values of each feature, and the number of samples. Without `wanted`, the first MAX_FEATURES names count."""
    columns: dict[str, list[Value]] = {name: [] for name in wanted or ()}
    count = 0
    for sample in samples:
        count += 1
        for name, value in sample.items():
            if name in columns:
                columns[name].append(value)
            elif wanted is None and len(columns) < MAX_FEATURES:
                columns[name] = [value]
    return columns, count


def _profile(values: list[Value], samples: int) -> FeatureProfile:
    present = len(values) / samples
    numbers = [value for value in values if isinstance(value, float)]
    if 2 * len(numbers) >= len(values):
        ordered = np.sort(np.array(numbers))
        places = np.linspace(0, len(ordered) - 1, min(len(ordered), MAX_REFERENCE)).astype(int)
        return NumberProfile(ordered[places], present)
    counts = Counter(str(value) for value in values)
    frequent = dict(counts.most_common(MAX_WORDS))
    others = counts.total() - sum(frequent.values())
    return WordProfile({**frequent, OTHER_WORDS: others} if others else frequent, present)


def _to_json(profile: FeatureProfile) -> dict[str, Any]:
    if isinstance(profile, NumberProfile):
        return {"values": profile.values.tolist(), "present": profile.present}
    return {"counts": dict(profile.counts), "present": profile.present}


def _from_json(raw: Mapping[str, Any]) -> FeatureProfile:
    if "values" in raw:
        return NumberProfile(np.sort(np.array(raw["values"], dtype=float)), float(raw["present"]))
    return WordProfile({str(word): int(count) for word, count in raw["counts"].items()}, float(raw["present"]))
