"""A changed archive is loaded beside the old one and takes over, or leaves it in place."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from app.reloading import reloader as module
from app.reloading.reloader import Reloader
from app.settings.errors import ConfigurationError
from app.settings.loading import marserve_settings
from tests.conftest import MakeArchive
from tests.support.one_worker import write
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio
SAYS = "def handle(data, context):\n    return data and ['{}'] * len(data)\n"
_times = count(1_000_000_000)


def save(folder: Path, source: str) -> None:
    """Write the handler, with a time that no other state of it has."""
    write(folder, {"handler.py": source})
    os.utime(folder / "handler.py", (moment := next(_times), moment))


@pytest.fixture
def log() -> Iterator[list[str]]:
    """The reloader's log lines."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler = Handler()
    module.LOG.addHandler(handler)
    yield lines
    module.LOG.removeHandler(handler)


@asynccontextmanager
async def following(folder: Path, tmp_path: Path) -> AsyncIterator[tuple[Client, Reloader]]:
    """A server, and a reloader whose checks the test makes."""
    (tmp_path / "place").mkdir()
    async with serving(folder, one_port=True) as client:
        yield client, Reloader(client.application.registry, folder, tmp_path / "place")


async def check_twice(reload: Reloader) -> None:
    """Look until a change has been seen twice."""
    await reload.check()
    await reload.check()


async def versions(client: Client, model: str) -> list[str]:
    return [each["modelVersion"] for each in (await client.http.get(f"/models/{model}/all")).json()]


async def test_an_unpacked_folder_is_served_at_once_and_again_after_a_change(tmp_path: Path, log: list[str]) -> None:
    folder = tmp_path / "mine"
    save(folder, SAYS.format("one"))
    async with following(folder, tmp_path) as (client, reload):
        await reload.check()
        assert (await client.predict("mine")).text == "one"
        save(folder, SAYS.format("two"))
        await check_twice(reload)
        assert (await client.predict("mine")).text == "two"
        assert await versions(client, "mine") == ["1.0-2"]
        assert repr(reload) == f"<Reloader of {folder}: mine 1.0-2>"
        assert len(list((tmp_path / "place").iterdir())) == 1
    assert log == [
        f"Following {folder}: mine.",
        "mine 1.0 serves now.",
        "mine: handler.py changed; loading it anew.",
        "mine 1.0-2 serves now.",
    ]


async def test_a_change_that_does_not_load_leaves_the_old_version_in_place(tmp_path: Path, log: list[str]) -> None:
    folder = tmp_path / "mine"
    save(folder, SAYS.format("one"))
    async with following(folder, tmp_path) as (client, reload):
        await reload.check()
        save(folder, "raise LookupError('no weights')")
        await check_twice(reload)
        assert (await client.predict("mine")).text == "one"
        assert await versions(client, "mine") == ["1.0"]
        logged = len(log)
        await check_twice(reload)
        assert len(log) == logged  # it is not tried again
        save(folder, SAYS.format("three"))
        await check_twice(reload)
        assert (await client.predict("mine")).text == "three"
    assert "mine does not load: Failed to start workers for model mine version: 1.0-2 (" in log[-3]
    assert log[-3].endswith("LookupError: no weights); 1.0 goes on serving.")


async def test_nothing_is_lost_while_a_new_version_takes_over(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    save(folder, SAYS.format("one"))
    async with following(folder, tmp_path) as (client, reload):
        await reload.check()
        over, texts = asyncio.Event(), []

        async def ask() -> None:
            while not over.is_set():
                texts.append((await client.predict("mine")).text)

        asking = asyncio.create_task(ask())
        save(folder, SAYS.format("two"))
        await check_twice(reload)
        over.set()
        await asking
    assert set(texts) <= {"one", "two"}
    assert texts == sorted(texts)  # never back again


async def test_a_change_counts_when_it_has_settled(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    save(folder, SAYS.format("one"))
    async with following(folder, tmp_path) as (client, reload):
        await reload.check()
        save(folder, "half a fi")
        await reload.check()
        save(folder, SAYS.format("two"))
        await reload.check()
        assert (await client.predict("mine")).text == "one"
        await reload.check()
        assert (await client.predict("mine")).text == "two"


async def test_a_first_version_that_does_not_load_waits_for_a_change(tmp_path: Path, log: list[str]) -> None:
    folder = tmp_path / "mine"
    save(folder, "nonsense(")
    async with following(folder, tmp_path) as (client, reload):
        await reload.check()
        assert log[-1].endswith("; waiting for a change.")
        assert (await client.predict("mine")).status_code == 404
        save(folder, SAYS.format("one"))
        await check_twice(reload)
        assert (await client.predict("mine")).text == "one"


async def test_what_a_handler_writes_into_its_folder_is_no_change(tmp_path: Path, log: list[str]) -> None:
    folder = tmp_path / "mine"
    save(folder, "open('cache.txt', 'w').close()\n" + SAYS.format("one"))
    async with following(folder, tmp_path) as (client, reload):
        await reload.check()
        logged = len(log)
        await check_twice(reload)
        assert (len(log), (await client.predict("mine")).text) == (logged, "one")
        assert not (folder / "cache.txt").exists()


async def test_archives_of_a_folder_come_change_and_go(
    store: Path, archive: MakeArchive, tmp_path: Path, log: list[str]
) -> None:
    archive("packed", SAYS.format("one"))
    async with following(store, tmp_path) as (client, reload):
        await reload.check()
        assert (await client.predict("packed")).text == "one"
        archive("packed", SAYS.format("other"))
        save(store / "plain", SAYS.format("plain"))
        await check_twice(reload)
        assert (await client.predict("packed")).text == "other"
        assert (await client.predict("plain")).text == "plain"
        (store / "packed.mar").unlink()
        await check_twice(reload)
        assert (await client.predict("packed")).status_code == 404
        assert (await client.predict("plain")).text == "plain"
        archive("packed", SAYS.format("back"))
        await check_twice(reload)
        assert (await client.predict("packed")).text == "back"
    assert "packed.mar is gone and served no more." in log


async def test_a_model_that_is_renamed_leaves_its_old_name(store: Path, archive: MakeArchive, tmp_path: Path) -> None:
    archive("old", SAYS.format("one"), file="m.mar")
    async with following(store, tmp_path) as (client, reload):
        await reload.check()
        archive("renamed", SAYS.format("two"), file="m.mar")
        await check_twice(reload)
        assert (await client.predict("renamed")).text == "two"
        assert (await client.predict("old")).status_code == 404


async def test_a_version_that_somebody_unregistered_does_not_stop_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    save(folder, SAYS.format("one"))
    async with following(folder, tmp_path) as (client, reload):
        await reload.check()
        await client.manage("DELETE", "/models/mine")
        save(folder, SAYS.format("two"))
        await check_twice(reload)
        assert (await client.predict("mine")).text == "two"


async def test_a_server_follows_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_INTERVAL_SECONDS", 0.01)
    folder = tmp_path / "mine"
    save(folder, SAYS.format("one"))
    async with asyncio.timeout(20), serving(folder, reload=folder, one_port=True) as client:
        while (await client.predict("mine")).text != "one":
            await asyncio.sleep(0.01)
        save(folder, SAYS.format("two"))
        while (await client.predict("mine")).text != "two":
            await asyncio.sleep(0.01)


def test_the_option_names_a_folder_which_is_the_model_store_too(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    settings = marserve_settings({}, tmp_path, reload="mine")
    assert (settings.reload, settings.model_store) == (tmp_path / "mine", tmp_path / "mine")
    assert marserve_settings({}, tmp_path).reload is None
    chosen = marserve_settings({}, tmp_path, reload="mine", model_store=str(tmp_path))
    assert chosen.model_store == tmp_path
    with pytest.raises(ConfigurationError, match="directory not found: nowhere"):
        marserve_settings({}, tmp_path, reload="nowhere")
