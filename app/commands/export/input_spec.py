"""Descriptions of a model's inputs, such as "1x64x469 float32" or "ids=1x128 int64 0..30521", and examples of them."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

DTYPES = (
    "float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool",
)  # fmt: skip
_PATTERN = re.compile(r"(?:([A-Za-z_][\w.]*)=)?(\w+(?:x\w+)*)(?:\s+(\w+))?(?:\s+(-?\d+)\.\.(-?\d+))?")
DYNAMIC_SIZES = (2, 1, 5)
"""The sizes of a dynamic dimension in the examples; the first is the one to export with: 1 would become a constant."""
DEFAULT_INTEGERS = (0, 1)


class InvalidInput(Exception):
    """The description of an input cannot be read; the text names it."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input: its name, "" where the model's own is to be found; sizes, a name for one that may change; values."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str = "float32"
    values: tuple[int, int] | None = None
    """The least and the largest integer."""

    @classmethod
    def parse(cls, text: str, *, static: bool = False) -> "InputSpec":
        """Read "NAME=1x64x469 float32 0..9"; unless `static`, a first number is the size of any batch.

        Raises InvalidInput.
        """
        match = _PATTERN.fullmatch(text.strip())
        if match is None:
            raise InvalidInput(f"{text!r} is no input; write its sizes and type, such as '1x64x469 float32'")
        name, sizes, dtype, least, largest = match.groups()
        if (dtype or "float32") not in DTYPES:
            raise InvalidInput(f"{text!r}: the type {dtype} is unknown; known are {', '.join(DTYPES)}")
        shape = tuple(int(size) if size.isdecimal() else size for size in sizes.split("x"))
        if 0 in shape:
            raise InvalidInput(f"{text!r}: a size of 0 holds nothing")
        if not static and isinstance(shape[0], int):
            shape = ("batch", *shape[1:])
        values = None if least is None else (int(least), int(largest))
        if values and values[0] > values[1]:
            raise InvalidInput(f"{text!r}: the values {least}..{largest} are none")
        return cls(name or "", shape, dtype or "float32", values)

    @property
    def dynamic(self) -> dict[int, str]:
        """The names of the dimensions that may change."""
        return {index: size for index, size in enumerate(self.shape) if isinstance(size, str)}

    def example(self, dynamic_size: int, rng: np.random.Generator) -> Any:
        """An array of that kind with every dynamic dimension of that size."""
        sizes = [dynamic_size if isinstance(size, str) else size for size in self.shape]
        if self.dtype.startswith("float"):
            return rng.standard_normal(sizes).astype(self.dtype)
        least, largest = self.values or DEFAULT_INTEGERS
        return rng.integers(least, largest, sizes, endpoint=True).astype(self.dtype)
