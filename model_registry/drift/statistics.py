"""The statistics of drift: the population stability index and the two-sample Kolmogorov-Smirnov distance."""

from math import exp, sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def psi(reference: Floats, counts: Floats) -> float:
    """The population stability index of two histograms over the same bins; 0 where they agree.

    One half is added to each bin, so that empty ones give a finite figure (Jeffreys' prior). By convention values above
    0.1 are worth a look and values above 0.25 a large shift, for windows of some hundreds.
    """
    expected = (reference + 0.5) / (reference.sum() + 0.5 * len(reference))
    found = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    return float(np.sum((found - expected) * np.log(found / expected)))


def ks_distance(reference: Floats, window: Floats) -> float:
    """The largest difference between two empirical distribution functions, 0 to 1; `reference` is sorted."""
    window = np.sort(window)
    values = np.concatenate([reference, window])
    below = np.searchsorted(reference, values, side="right") / len(reference)
    return float(np.max(np.abs(below - np.searchsorted(window, values, side="right") / len(window))))


def ks_p_value(distance: float, reference_size: int, window_size: int) -> float:
    """The probability of such a distance, or a larger one, between samples of one distribution.

    Kolmogorov's series, with Stephens' correction for small samples (1970); exact enough from ten values on.
    """
    size = sqrt(reference_size * window_size / (reference_size + window_size))
    x = (size + 0.12 + 0.11 / size) * distance
    if x < 0.3:  # the series alternates too slowly there, and the value is 1 to five digits
        return 1.0
    terms = (2 * (-1) ** (k - 1) * exp(-2 * (k * x) ** 2) for k in range(1, 101))
    return float(min(1.0, max(0.0, sum(terms))))


def quantile_edges(values: Floats, bins: int) -> Floats:
    """Inner edges that cut the values into at most `bins` bins of equal counts; fewer where values repeat."""
    return np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))


def histogram(values: Floats, edges: Floats) -> Floats:
    """Counts of the values between the inner edges; the first and the last bin are open."""
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1).astype(np.float64)
