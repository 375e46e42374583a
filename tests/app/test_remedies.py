"""A server of our own explains a failed registration; the `torchserve` command answers as recorded."""

from pathlib import Path
from typing import Any

import pytest

from app.remedies import explain
from model_registry.archive.store import ModelStore
from model_registry.errors import ArchiveNotFound, DownloadFailed, NoWorker
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
HANDLER = "def handle(data, context):\n    return data and ['x'] * len(data)\n"


async def refusal(store: Path, url: str, **settings: Any) -> str:
    """The message of a registration that is refused."""
    async with serving(store, **settings) as client:
        answer = await client.register(url)
    assert answer.status_code >= 400
    return str(answer.json()["message"])


async def test_the_handlers_own_exception_is_in_the_answer(store: Path, archive: MakeArchive) -> None:
    archive("broken", "import not_there\n")
    message = await refusal(store, "broken.mar", one_port=True)
    assert message.startswith(
        "Failed to start workers for model broken version: 1.0: ModuleNotFoundError: No module named 'not_there'."
        " Remedy: if not_there is yours"
    )


async def test_an_archive_that_is_not_there_is_looked_for_in_the_store(store: Path, archive: MakeArchive) -> None:
    archive("flowers", HANDLER)
    message = await refusal(store, "flower.mar", one_port=True)
    assert message == f"Model not found at: flower.mar: {store} holds flowers.mar; is flowers.mar meant?"


async def test_a_file_that_is_no_archive_says_so(store: Path) -> None:
    (store / "x.mar").write_text("<html>")
    message = await refusal(store, "x.mar", one_port=True)
    assert message.startswith("Model name is not defined.: ValueError: the archive has no MAR-INF/MANIFEST.json")


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("ftp://server/a.mar", "ftp: is no address of archives; https, http, file, s3, gs, az are, as far as"),
        ("s3://bucket/a.mar", "there is no such object, or allowed_urls does not allow the address"),
    ],
)
async def test_an_address_that_is_not_read_says_why(store: Path, url: str, cause: str) -> None:
    assert f": {cause}" in await refusal(store, url, one_port=True)


@pytest.mark.parametrize(
    ("path", "hint"),
    [("/prediction/a", "Is /predictions/a meant? "), ("/model", "Is /models meant? "), ("/something", "")],
)
async def test_an_unknown_path_leads_to_the_routes(store: Path, path: str, hint: str) -> None:
    async with serving(store, one_port=True) as client:
        message = (await client.http.get(path)).json()["message"]
        assert message.endswith(f"is not found, please refer to API document. {hint}/docs shows all routes.")


async def test_torchserves_answers_are_left_alone(store: Path, archive: MakeArchive) -> None:
    archive("broken", "raise ValueError('secret')\n")
    assert await refusal(store, "broken.mar") == "Failed to start workers for model broken version: 1.0"
    assert await refusal(store, "missing.mar") == "Model not found at: missing.mar"


def test_a_cause_without_a_remedy_is_a_cause(store: Path) -> None:
    error = DownloadFailed("http://server/a.mar")
    error.__cause__ = ConnectionRefusedError("refused")
    assert explain(error, ModelStore(store)) == "ConnectionRefusedError: refused"


def test_nothing_is_added_where_there_is_no_more_to_say(store: Path) -> None:
    assert explain(ArchiveNotFound("a.mar"), ModelStore(store)) == f"{store} holds no archives"
    error = NoWorker("m", "1.0")
    error.__cause__ = ValueError("inside")
    assert explain(error, ModelStore(store)) == ""
