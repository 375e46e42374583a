"""Addresses that are files."""

import asyncio
import socket
from pathlib import Path

import pytest

from app.http.unix_socket import remove_stale
from app.server import Listener
from app.settings.types import ListenAddress
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
SAYS = "def handle(data, context):\n    return data and ['said' for _ in data]\n"
ASKS = b"POST /predictions/says HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A short one: the names of sockets are bounded."""
    monkeypatch.chdir(tmp_path)
    return "here.sock"


def is_there(path: str) -> bool:
    return Path(path).is_socket()


async def ask(path: str) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(ASKS)
    try:
        return await asyncio.wait_for(reader.readuntil(b"said"), 30)
    finally:
        writer.close()


async def test_a_socket_is_served_beside_a_port_and_goes_with_its_server(
    store: Path, archive: MakeArchive, path: str
) -> None:
    archive("says", SAYS)
    async with serving(store, "says.mar") as client:
        (address,) = client.application.addresses().values()
        bindings = ListenAddress("unix", path=path), ListenAddress("http", "127.0.0.1", 0)
        listeners = [Listener(binding, address, client.application.settings) for binding in bindings]
        for listener in listeners:
            await listener.open()
        assert (await ask(path)).startswith(b"HTTP/1.1 200 ")
        with socket.create_connection(("127.0.0.1", listeners[1].port)):
            pass
        for listener in listeners:
            listener.close()
            await listener.drain(5)
    assert not is_there(path)


async def test_the_socket_of_a_server_that_died_is_taken(store: Path, archive: MakeArchive, path: str) -> None:
    archive("says", SAYS)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    assert is_there(path)
    async with serving(store, "says.mar") as client:
        (address,) = client.application.addresses().values()
        listener = Listener(ListenAddress("unix", path=path), address, client.application.settings)
        await listener.open()
        assert (await ask(path)).startswith(b"HTTP/1.1 200 ")
        listener.close()


def test_the_socket_of_a_server_that_lives_is_not(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(path)
        living.listen()
        with pytest.raises(OSError, match="in use"):
            remove_stale(path)
    assert Path(path).is_socket()


def test_a_file_that_is_no_socket_is_left_alone(path: str) -> None:
    Path(path).write_text("of somebody else")
    with pytest.raises(OSError, match="in use"):
        remove_stale(path)
    assert Path(path).read_text() == "of somebody else"


def test_where_nothing_is_nothing_is_done(path: str) -> None:
    remove_stale(path)
    assert not Path(path).exists()
