"""A server without configuration serves the sample archives."""

from pathlib import Path

import pytest

from app.initial_models.samples import with_samples
from app.settings.model import Settings


def test_the_samples_are_in_the_users_cache_and_the_log_says_how_to_call_them(tmp_path: Path) -> None:
    settings = with_samples(Settings(), {"XDG_CACHE_HOME": str(tmp_path)})
    store = tmp_path / "marserve" / "samples"
    assert settings.given_archives == {name: store / name for name in ("everyday.mar", "sign.mar")}
    assert settings.model_store is None
    assert [str(model) for model in settings.load_models] == ["everyday=everyday.mar", "sign=sign.mar"]
    assert sorted(path.name for path in store.iterdir()) == ["everyday.mar", "sign.mar"]
    (message,) = settings.warnings
    assert f"the samples in {store} are served" in message
    assert "curl http://127.0.0.1:8080/predictions/everyday" in message
    (message,) = with_samples(Settings(), {"XDG_CACHE_HOME": str(tmp_path)}, "http://HOST:PORT").warnings
    assert "curl http://HOST:PORT/predictions/everyday" in message


def test_a_home_that_cannot_be_written_is_replaced_by_a_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "home").write_text("a file, no folder")
    settings = with_samples(Settings(), {"HOME": str(tmp_path / "home")})
    assert settings.given_archives["sign.mar"] == tmp_path / "marserve-samples" / "sign.mar"


@pytest.mark.parametrize(
    "chosen", [{"given": {"model_store": "store"}}, {"reload": "x"}, {"load_models": "a.mar"}, {"config_file": "a"}]
)
def test_any_configured_model_turns_the_samples_off(chosen: dict[str, str]) -> None:
    settings = Settings(**chosen)  # type: ignore[arg-type]
    assert with_samples(settings, {}) is settings
