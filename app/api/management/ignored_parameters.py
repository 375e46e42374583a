"""Remarks on parameters that count for nothing, because their names or numbers are misspelled; TorchServe is silent."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from app.api.contract import Parameter
from app.api.parameters import optional

CUTOFF = 0.65
"""Names that are less alike are other parameters, which clients may send for reasons of their own."""


def remark(given: Mapping[str, str], known: Sequence[Parameter]) -> str:
    """A remark on the parameters of a query that are ignored, to be put behind a sentence; "" if there are none."""
    return "".join(f"; {each}" for each in _remarks(given, known))


def _remarks(given: Mapping[str, str], known: Sequence[Parameter]) -> Iterator[str]:
    kinds = {parameter["name"]: parameter["schema"]["type"] for parameter in known}
    for name, value in given.items():
        if name not in kinds:
            for near in get_close_matches(name, kinds, n=1, cutoff=CUTOFF):
                yield f"the unknown parameter {name} is ignored: is {near} meant?"
        elif kinds[name] == "integer" and optional(given, name) is None:
            yield f"{name}={value[:40]} is no number, and ignored"
        elif name == "batch_size" and optional(given, name) == 0:
            yield "batch_size=0 counts as 1"
