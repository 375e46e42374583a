"""Neighbours of samples: the inputs of a model, changed a little, the same ones for each model that is compared."""

from collections.abc import Mapping
from typing import Any

import numpy as np

NOISE = 0.03
"""The deviation of what is added to numbers, in deviations of the input."""
SWAPPED = 0.05
"""The part of the integers (tokens) that others of the same input take the place of."""


def neighbour(inputs: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The arrays of one call, changed a little; the seed decides how.

    Zeros stay, and so do booleans and integers below 2: they are masks and padding.
    """
    rng = np.random.default_rng(seed)
    return {name: _changed(value, rng) if isinstance(value, np.ndarray) else value for name, value in inputs.items()}


def _changed(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if array.size == 0 or array.dtype == bool:
        return array
    if np.issubdtype(array.dtype, np.floating):
        deviation = float(np.nanstd(array.astype(np.float32))) if array.size > 1 else float(np.abs(array).max())
        noise = rng.standard_normal(array.shape) * NOISE * deviation * (array != 0)
        return np.asarray((array + noise).astype(array.dtype))
    return _swapped(array, rng) if np.issubdtype(array.dtype, np.integer) and array.max() > 1 else array


def _swapped(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    changed = array.copy()
    places = np.flatnonzero(array > 1)
    chosen = rng.choice(places, max(1, int(len(places) * SWAPPED)), replace=False)
    changed.ravel()[chosen] = rng.choice(array.ravel()[places], len(chosen))
    return changed
