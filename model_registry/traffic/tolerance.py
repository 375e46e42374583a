"""The differences between two answers that do not count, read from JSON and written to it."""

from dataclasses import dataclass
from typing import Any

from model_registry.errors import InvalidTrafficRule

MAX_PATHS = 50
MAX_PATH_LENGTH = 200
MAX_TOP_K = 1000
LARGEST_NUMBER = 1e12


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The differences that do not count.

    Numbers may differ by `absolute`, or by the part `relative` of the larger one. `ignored` holds dotted paths ("*" for
    any member or place). `top_k`: of lists, and of objects from names to numbers as classifiers answer them, only the
    order of the first k counts; 0 compares them in full.
    """

    relative: float = 1e-3
    absolute: float = 1e-6
    ignored: frozenset[str] = frozenset()
    top_k: int = 0

    def to_json(self) -> dict[str, Any]:
        """The tolerance as `parse_tolerance` reads it."""
        return {
            "relative": self.relative,
            "absolute": self.absolute,
            "ignored": sorted(self.ignored),
            "topK": self.top_k,
        }


DEFAULT_TOLERANCE = Tolerance()


def parse_tolerance(value: object, place: str) -> Tolerance:
    """Read a tolerance from decoded JSON, a member of the rules at `place`; raises InvalidTrafficRule."""
    members = value if isinstance(value, dict) else {"": value}
    unknown = set(members) - {"relative", "absolute", "ignored", "topK"}
    if unknown:
        raise InvalidTrafficRule(place, "an object with relative, absolute, ignored and topK")
    return Tolerance(
        relative=parse_number(members.get("relative", DEFAULT_TOLERANCE.relative), f"{place}.relative"),
        absolute=parse_number(members.get("absolute", DEFAULT_TOLERANCE.absolute), f"{place}.absolute"),
        ignored=_paths(members.get("ignored", []), f"{place}.ignored"),
        top_k=_top_k(members.get("topK", 0), f"{place}.topK"),
    )


def parse_number(value: object, place: str, largest: float = LARGEST_NUMBER) -> float:
    """Read a number from 0 to `largest`, the member of the rules at `place`; raises InvalidTrafficRule."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= largest:
        raise InvalidTrafficRule(place, f"a number from 0 to {largest:g}")
    return float(value)


def _paths(value: object, place: str) -> frozenset[str]:
    paths = value if isinstance(value, list) and len(value) <= MAX_PATHS else [None]
    if not all(isinstance(path, str) and 0 < len(path) <= MAX_PATH_LENGTH for path in paths):
        raise InvalidTrafficRule(place, f'a list of at most {MAX_PATHS} dotted paths, such as ["scores.*", "time"]')
    return frozenset(paths)


def _top_k(value: object, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TOP_K:
        raise InvalidTrafficRule(place, f"a whole number from 0 to {MAX_TOP_K}")
    return value
