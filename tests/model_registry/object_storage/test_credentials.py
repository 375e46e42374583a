"""Credentials of AWS's profiles."""

import json
from pathlib import Path

import pytest

from model_registry.object_storage.credentials import allows_http, emulator_options, profile_options

CREDENTIALS = "[default]\naws_access_key_id=d\naws_secret_access_key=%s\n[prod]\naws_access_key_id = p\n"
CONFIG = (
    "[default]\nregion = eu-west-1\n[profile prod]\nregion=eu-north-1\nendpoint_url=https://s3.local\noutput=json\n"
)


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(CREDENTIALS)
    (tmp_path / ".aws/config").write_text(CONFIG)
    return {"HOME": str(tmp_path)}


def test_the_default_profile_and_a_named_one(home: dict[str, str]) -> None:
    expected = {"aws_access_key_id": "d", "aws_secret_access_key": "%s", "aws_region": "eu-west-1"}
    assert profile_options(home) == expected
    assert profile_options({**home, "AWS_REGION": "x"}) == {key: expected[key] for key in list(expected)[:2]}
    assert profile_options({**home, "AWS_PROFILE": "prod"}) == {
        "aws_access_key_id": "p", "aws_region": "eu-north-1", "aws_endpoint": "https://s3.local",
    }  # fmt: skip


def test_what_the_environment_gives_comes_first(home: dict[str, str]) -> None:
    assert profile_options({**home, "AWS_ACCESS_KEY_ID": "own"}) == {}
    assert profile_options({**home, "AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}) == {}


def test_files_that_are_missing_or_broken_give_nothing(home: dict[str, str], tmp_path: Path) -> None:
    assert profile_options({}) == {}
    (tmp_path / ".aws/credentials").write_text("no section")
    assert profile_options(home) == {"aws_region": "eu-west-1"}


def test_googles_variable_for_emulators_is_read() -> None:
    assert emulator_options({}) == {}
    for host in ("127.0.0.1:4443", "http://127.0.0.1:4443"):
        options = emulator_options({"STORAGE_EMULATOR_HOST": host})
        assert json.loads(options["google_service_account_key"])["gcs_base_url"] == "http://127.0.0.1:4443"
        assert allows_http("gs", {"STORAGE_EMULATOR_HOST": host}, options)


def test_an_address_without_tls_is_allowed_where_it_was_named() -> None:
    assert not allows_http("s3", {}, {})
    assert allows_http("s3", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}, {})
    assert allows_http("s3", {}, {"aws_endpoint": "http://127.0.0.1:9000"})
    assert not allows_http("gs", {}, {})
    assert not allows_http("az", {}, {})
