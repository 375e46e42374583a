"""Wrong values, each with an error of one line."""

from pathlib import Path

import pytest

from app.settings.errors import ConfigurationError
from app.settings.loading import marserve_settings
from tests.support.configuration import refusal, write


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("job_queue_size=abc", "a whole number"),
        ("job_queue_size=0", "a number not below 1"),
        ("job_queue_size=9999999999", "a number not above 2147483647"),
        ("max_archive_size=0", "a number not below 1"),
        ("drain_timeout=1e300", "a number not above 2147483647"),
        ("drain_timeout=inf", "a number not above 2147483647"),
        ("token_expiration_min=x", "a number"),
        ("token_expiration_min=0", "a number above 0"),
        ("metrics_mode=loud", "'log', 'prometheus' or 'legacy'"),
        ("enable_model_api=yes", "true or false"),
        ("grpc_inference_port=99999", "a port number from 0 to 65535"),
        ("blacklist_env_vars=[", "a regular expression (unterminated character set at position 0)"),
        ("models=[]", 'JSON like {"model": {"1.0": {"minWorkers": 1}}}, and the whole is no object'),
        ("cors_allowed_origin=$$NOWHERE$$", "the environment variable NOWHERE to be set"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_says_where_it_is_and_what_was_expected(
    tmp_path: Path, line: str, expected: str
) -> None:
    write(tmp_path, "# a comment", line)
    assert refusal(tmp_path) == f"Invalid configuration: {line} (config.properties, line 2): expected {expected}"


def test_a_wrong_value_of_a_variable_names_the_variable(tmp_path: Path) -> None:
    assert refusal(tmp_path, TS_JOB_QUEUE_SIZE="many") == (
        "Invalid configuration: job_queue_size=many (variable TS_JOB_QUEUE_SIZE): expected a whole number"
    )


def test_a_wrong_value_of_an_option_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^Invalid configuration: log_format=loud \(option --log-format\): "):
        marserve_settings({}, tmp_path, log_format="loud")


def test_a_long_value_is_shortened_and_kept_on_one_line(tmp_path: Path) -> None:
    write(tmp_path, 'models={"a":\\n' + " 1," * 100)
    text = refusal(tmp_path)
    assert "\n" not in text
    assert "..." in text
    assert len(text) < 300
