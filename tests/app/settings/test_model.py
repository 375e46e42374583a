"""The settings object: arguments as values or texts, frozen, and silent about secrets."""

import pytest
from pydantic import ValidationError

from app.settings.model import DERIVED, KEYS, PATH_KEYS, Settings


def test_settings_do_not_change() -> None:
    settings = Settings(job_queue_size=3)
    with pytest.raises(ValidationError, match="frozen"):
        settings.job_queue_size = 4
    assert (settings.replace(job_queue_size=4).job_queue_size, settings.job_queue_size) == (4, 3)


def test_an_argument_is_a_value_or_its_text() -> None:
    settings = Settings(job_queue_size="3", debug="TRUE", inference_address="https://[::1]")  # type: ignore[arg-type]
    assert (settings.job_queue_size, settings.debug, str(settings.inference_address)) == (3, True, "https://[::1]:443")


@pytest.mark.parametrize("arguments", [{"job_queue_size": "many"}, {"no_such_key": 1}])
def test_a_wrong_value_and_an_unknown_key_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(arguments))):
        Settings(**arguments)  # type: ignore[arg-type]


def test_the_environment_counts_only_as_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "true")
    monkeypatch.setenv("JOB_QUEUE_SIZE", "many")
    assert Settings() == Settings.from_sources()


def test_secrets_are_not_printed() -> None:
    assert "sesame" not in repr(Settings(management_token="open sesame", keystore_pass="open sesame"))


def test_each_field_is_a_key_or_derived() -> None:
    assert set(Settings.model_fields) == KEYS | DERIVED
    assert "model_store" in PATH_KEYS < KEYS
