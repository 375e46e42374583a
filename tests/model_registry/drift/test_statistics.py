"""The statistics of drift, against values worked out by hand and against simulations."""

import numpy as np
import pytest

from model_registry.drift.statistics import histogram, ks_distance, ks_p_value, psi, quantile_edges


def test_equal_histograms_have_no_index() -> None:
    counts = np.array([10.0, 20.0, 30.0])
    assert psi(counts, counts) == 0
    assert psi(counts, 5 * counts) == pytest.approx(0, abs=0.01)


def test_the_index_by_hand() -> None:
    expected, found = np.array([49.5, 49.5]), np.array([24.5, 74.5])  # with one half each: 1/2 and 1/2, 1/4 and 3/4
    assert psi(expected, found) == pytest.approx(-0.25 * np.log(0.5) + 0.25 * np.log(1.5))


def test_the_distance_by_hand() -> None:
    assert ks_distance(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0])) == 0.5
    assert ks_distance(np.array([1.0, 2.0]), np.array([2.0, 1.0])) == 0


def test_p_values_are_uniform_without_drift() -> None:
    rng = np.random.default_rng(3)
    values = [
        ks_p_value(ks_distance(np.sort(rng.normal(size=400)), rng.normal(size=200)), 400, 200) for _ in range(400)
    ]
    below = sum(value < 0.1 for value in values)
    assert 15 <= below <= 65


def test_known_values_of_kolmogorovs_distribution() -> None:
    assert ks_p_value(1.358 / 1000, 2_000_000, 2_000_000) == pytest.approx(0.05, abs=0.001)
    assert ks_p_value(0.0, 10, 10) == 1


def test_bins_hold_equal_counts_and_repeated_values_share_one() -> None:
    values = np.arange(1000.0)
    edges = quantile_edges(values, 10)
    assert len(edges) == 9
    assert histogram(values, edges).tolist() == [100.0] * 10
    assert len(quantile_edges(np.zeros(50), 10)) == 1
