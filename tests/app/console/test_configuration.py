"""The configuration in force, without its secrets."""

from pathlib import Path

import pytest

from app.console.configuration import describe_server
from app.settings.loading import marserve_settings
from app.settings.model import KEYS
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def entries(store: Path, **settings: object) -> dict[str, dict[str, str | None]]:
    async with serving(store, **settings) as client:
        return {entry["key"]: entry for entry in describe_server(client.application, True)["configuration"]}


async def test_every_key_has_its_value_as_text(store: Path) -> None:
    described = await entries(store, job_queue_size=7, allowed_urls=("a", "b"))
    assert described.keys() == KEYS
    assert described["job_queue_size"]["value"] == "7"
    assert described["allowed_urls"]["value"] == "a, b"
    assert described["enable_model_api"]["value"] == "true"
    assert described["metrics_config"]["value"] is None


async def test_secrets_are_not_shown(store: Path) -> None:
    described = await entries(store, management_token="sesame", keystore_pass="sesame")
    assert described["management_token"]["value"] == described["keystore_pass"]["value"] == "(hidden)"
    assert "sesame" not in str(described)


async def test_the_place_of_a_key_is_said(tmp_path: Path, store: Path) -> None:
    (tmp_path / "config.properties").write_text("job_queue_size=9\n")
    settings = marserve_settings({"TS_DEFAULT_RESPONSE_TIMEOUT": "5"}, tmp_path)
    described = await entries(store, places=settings.places)
    assert described["job_queue_size"]["place"] == "config.properties, line 1"
    assert described["default_response_timeout"]["place"] == "variable TS_DEFAULT_RESPONSE_TIMEOUT"
    assert described["max_request_size"]["place"] is None
