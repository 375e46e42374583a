"""The settings of the backend: what the environment says, and who belongs to a rollout."""

import pytest

from signflow.backend.settings import Settings


def test_the_defaults_are_those_of_the_design() -> None:
    settings = Settings()
    assert (settings.use_torchserve, settings.torchserve_timeout_ms) == (False, 2000)
    assert settings.torchserve_url == "http://torchserve:8080"


def test_every_field_is_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USE_TORCHSERVE", "true")
    monkeypatch.setenv("TORCHSERVE_URL", "http://models:8080")
    monkeypatch.setenv("TORCHSERVE_TIMEOUT_MS", "250")
    monkeypatch.setenv("TORCHSERVE_ROLLOUT_PERCENT", "12.5")
    settings = Settings()
    assert (settings.use_torchserve, settings.torchserve_url) == (True, "http://models:8080")
    assert (settings.torchserve_timeout_ms, settings.torchserve_rollout_percent) == (250, 12.5)


def test_a_rollout_takes_its_share_of_the_users_and_keeps_those_it_has() -> None:
    users = [f"user-{number}" for number in range(4000)]
    shares = [Settings(torchserve_rollout_percent=percent) for percent in (0, 10, 50, 100)]
    chosen = {each.torchserve_rollout_percent: {user for user in users if each.in_rollout(user)} for each in shares}
    assert (len(chosen[0]), len(chosen[100])) == (0, 4000)
    assert len(chosen[10]) == pytest.approx(400, abs=80)
    assert chosen[10] < chosen[50]
