"""Profiles: made from samples, written and read, and windows scored against them."""

import numpy as np
import pytest

from model_registry.drift.profile import InvalidProfile, Profile, Score


def samples(seed: int, shift: float = 0.0, classes: str = "aab", count: int = 500) -> list[dict[str, float | str]]:
    rng = np.random.default_rng(seed)
    return [{"x": float(rng.normal(shift)), "class": classes[rng.integers(len(classes))]} for _ in range(count)]


def scores(window: list[dict[str, float | str]]) -> dict[str, Score]:
    profile = Profile.from_json(Profile.of(samples(1, count=2000)).to_json())
    return {score.feature: score for score in profile.score(window)}


def test_equal_traffic_does_not_drift() -> None:
    for seed in range(10, 40):
        found = scores(samples(seed))
        assert max(found["x"].psi, found["class"].psi) < 0.1


def test_half_a_standard_deviation_is_seen_in_one_window() -> None:
    for seed in range(10, 40):
        found = scores(samples(seed, shift=0.5))["x"]
        assert found.psi > 0.1
        assert found.p_value is not None
        assert found.p_value < 0.001


def test_other_shares_of_classes_are_seen_and_new_classes_too() -> None:
    assert scores(samples(5, classes="abb"))["class"].psi > 0.25
    assert scores(samples(5, classes="aabz"))["class"].psi > 0.25


def test_missing_features_are_told() -> None:
    window = [{"class": "a"} for _ in range(100)]
    found = scores(window)["x"]
    assert (found.missing, found.psi, found.ks) == (1.0, 0.0, None)


def test_too_few_samples_make_no_profile() -> None:
    with pytest.raises(InvalidProfile, match="at least 20 samples"):
        Profile.of(samples(1, count=19))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "samples": 1, "features": {"x": 1}}'])
def test_what_is_no_profile_is_refused(text: str) -> None:
    with pytest.raises(InvalidProfile):
        Profile.from_json(text)
