"""Archives are opened beside the event loop: slow downloads hold no others, and a stop leaves nothing of them."""

import asyncio
import tempfile
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from model_registry.archive.opener import ArchiveOpener
from model_registry.archive.store import ModelStore
from model_registry.errors import ArchiveNotFound, DownloadFailed, TooManyRegistrations
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

ECHO = "def handle(data, context):\n    return data\n"


@asynccontextmanager
async def endless() -> AsyncIterator[str]:
    """A web server whose answers never end; yields its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def parts(store: Path) -> int:
    return len(list(store.glob(".*.part")))


async def test_downloads_beyond_the_limit_are_refused_and_others_opened(store: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(store / "local.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", "{}")
    models = ModelStore(store, temporary=tmp_path)
    opener = ArchiveOpener(models, max_downloads=2)
    async with endless() as web:
        slow = [asyncio.create_task(opener.open(f"{web}/{number}.mar")) for number in range(2)]
        while parts(store) < 2:
            await asyncio.sleep(0.001)
        with pytest.raises(TooManyRegistrations, match="Too many models are being registered"):
            await opener.open(f"{web}/2.mar")
        assert (await opener.open("local.mar")).folder.is_dir()
        with pytest.raises(ArchiveNotFound):
            await opener.open("missing.mar")
        await asyncio.to_thread(models.close)
        assert parts(store) == 0
        assert list((tmp_path / "models").iterdir()) == []
        for task in slow:
            with pytest.raises(DownloadFailed):
                await task


async def test_slow_downloads_hold_no_registration_and_leave_nothing_at_a_stop(
    store: Path, archive: MakeArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    archive("m", ECHO)
    archive("n", ECHO)
    async with endless() as web:
        async with serving(store, "m.mar") as client:
            slow = [asyncio.create_task(client.register(f"{web}/{number}.mar")) for number in range(20)]
            while parts(store) < 20:
                await asyncio.sleep(0.001)
            assert (await client.register("n.mar")).status_code == 200
            assert (await client.manage("DELETE", "/models/m")).status_code == 200
            assert (await client.predict("n", {"a": 1})).status_code == 200
        await asyncio.gather(*slow, return_exceptions=True)
    assert parts(store) == 0
    assert list((tmp_path / "tmp" / "models").iterdir()) == []
