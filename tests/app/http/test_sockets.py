"""Addresses that are files."""

import asyncio
import socket
from pathlib import Path

import pytest

from app.errors import CannotListen
from app.http.sockets import bind
from app.settings.types import ListenAddress
from tests.conftest import MakeArchive
from tests.support.raw_connections import listening
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
    async with (
        serving(store, "says.mar") as client,
        listening(client, ListenAddress("unix", path=path)),
        listening(client, ListenAddress("http", "127.0.0.1", 0)) as server,
    ):
        assert (await ask(path)).startswith(b"HTTP/1.1 200 ")
        with socket.create_connection(("127.0.0.1", server.port)):
            pass
    assert not is_there(path)


async def test_the_socket_of_a_server_that_died_is_taken(store: Path, archive: MakeArchive, path: str) -> None:
    archive("says", SAYS)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    assert is_there(path)
    async with serving(store, "says.mar") as client, listening(client, ListenAddress("unix", path=path)):
        assert (await ask(path)).startswith(b"HTTP/1.1 200 ")


def test_a_name_with_several_addresses_has_a_socket_for_each() -> None:
    sockets = bind(ListenAddress("http", "localhost", 0), 5)
    try:
        families = {family for family, *_ in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
        assert {each.family for each in sockets} == families
    finally:
        for each in sockets:
            each.close()


def test_a_port_that_is_taken_is_named_in_the_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"Cannot listen on http://127.0.0.1:{port}: .*in use"):
            bind(ListenAddress("http", "127.0.0.1", port), 5)


def test_the_socket_of_a_server_that_lives_is_not(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(path)
        living.listen()
        with pytest.raises(OSError, match="in use"):
            bind(ListenAddress("unix", path=path), 5)
    assert Path(path).is_socket()


def test_a_file_that_is_no_socket_is_left_alone(path: str) -> None:
    Path(path).write_text("of another program")
    with pytest.raises(OSError, match="in use"):
        bind(ListenAddress("unix", path=path), 5)
    assert Path(path).read_text() == "of another program"


def test_a_new_socket_is_made_where_no_file_is(path: str) -> None:
    bind(ListenAddress("unix", path=path), 5)[0].close()
    assert is_there(path)
