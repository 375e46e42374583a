"""/token: keys are renewed with the API key."""

import json
from pathlib import Path

import pytest

from tests.support.serving import serving

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def folder(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the keys are written."""
    monkeypatch.chdir(store)


def keys() -> dict[str, str]:
    return {name: each["key"] for name, each in json.loads(Path("key_file.json").read_text()).items()}


async def test_the_api_key_renews_another_key(store: Path) -> None:
    async with serving(store, authorization="all") as client:
        before = keys()
        answer = await client.http.get("/token?type=management", headers={"Authorization": f"Bearer {before['API']}"})
        assert (answer.status_code, answer.text) == (200, "\n")
        after = keys()
        assert [name for name in before if before[name] != after[name]] == ["management"]
        bearer = {"Authorization": f"Bearer {after['management']}"}
        assert (await client.http.get("/models", headers=bearer)).status_code == 200


@pytest.mark.parametrize(("kind", "key"), [("management", "management"), ("other", "API"), ("", "API")])
async def test_any_other_key_or_type_is_refused(store: Path, kind: str, key: str) -> None:
    async with serving(store, authorization="all") as client:
        before = keys()
        bearer = {"Authorization": f"Bearer {before[key]}"}
        answer = await client.http.get(f"/token?type={kind}", headers=bearer)
        assert (answer.status_code, answer.json()["type"]) == (400, "InvalidKeyException")
        assert keys() == before


async def test_without_token_authorization_there_is_no_such_path(store: Path) -> None:
    async with serving(store) as client:
        assert (await client.http.get("/token?type=management")).json()["type"] == "ResourceNotFoundException"
