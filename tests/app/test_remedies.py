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
