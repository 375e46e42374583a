"""Archives come from file and web addresses whole or not at all."""

import os
import re
import socket
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from model_registry.archive.fetch import ALLOWED, DownloadLimits, Downloads
from model_registry.archive.manifest import Manifest
from model_registry.archive.store import ModelStore
from model_registry.errors import ArchiveExists, DownloadFailed, SaveFailed
from tests.support.model_stores import refuse, unpacked


def write_mar(file: Path) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", '{"model": {"modelName": "m"}}')
    return file


def test_a_file_address_is_copied_into_the_store(place: Path, model_store: ModelStore) -> None:
    write_mar(place / "with space.mar")
    archive = model_store.open(f"file://{place}/with%20space.mar?x=1")
    assert archive.downloaded == place / "store" / "with%20space.mar"
    assert archive.manifest.model_name == "m"
    archive.remove()
    assert list((place / "store").iterdir()) == []
    assert (place / "with space.mar").exists()


def test_a_name_that_the_store_has_is_not_downloaded(place: Path, model_store: ModelStore) -> None:
    mar = write_mar(place / "store" / "m.mar")
    refuse(model_store, f"file://{mar}", ArchiveExists, "Model file already exists m.mar")
    refuse(model_store, "http://127.0.0.1:9/m.mar", ArchiveExists, "Model file already exists m.mar")
    refuse(model_store, "http://127.0.0.1:9/", ArchiveExists, "Model file already exists ")


@pytest.mark.parametrize("path", ["/nowhere.mar", "/a%00b.mar", "/temporary"])
def test_a_file_that_cannot_be_copied_leaves_nothing(place: Path, model_store: ModelStore, path: str) -> None:
    url = f"file://{place}{path}"
    refuse(model_store, url, DownloadFailed, f"Failed to download archive from: {url}")
    assert list((place / "store").iterdir()) == []


class Web(BaseHTTPRequestHandler):
    """Serves one archive under many names, well and badly."""

    content: ClassVar[bytes]
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        page = self.path.partition("?")[0]
        if page in ("/away.mar", "/in.mar", "/file.mar"):
            self.send_response(302)
            place = {"/away.mar": "http://localhost:9/x.mar", "/in.mar": "/m.mar", "/file.mar": "file:///etc/hosts"}
            self.send_header("Location", place[page])
            self.end_headers()
        elif page == "/short.mar":
            self.answer(self.content, len(self.content) + 1)
        elif page == "/long.mar":
            self.answer(self.content, None)
        elif page == "/odd.mar":
            self.answer(b"this is not an archive", None)
        elif page in ("/m.mar", "/a%20b.mar"):
            self.answer(self.content, len(self.content))
        else:
            self.send_error(404)

    def answer(self, content: bytes, length: int | None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of archives."""
    Web.content = write_mar(tmp_path_factory.mktemp("web") / "m.mar").read_bytes()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("page", ["m.mar", "m.mar?sig=a/b.mar", "m.mar#here", "in.mar", "long.mar", "a%20b.mar"])
def test_a_web_address_is_copied_into_the_store(place: Path, model_store: ModelStore, web: str, page: str) -> None:
    archive = model_store.open(f"{web}/{page}")
    assert archive.url == f"{web}/{page}"
    assert archive.downloaded == place / "store" / re.split("[?#]", page)[0]
    assert archive.downloaded.read_bytes() == Web.content
    archive.remove()
    assert list(place.glob("store/*")) == unpacked(place) == []


@pytest.mark.parametrize("page", ["none.mar", "short.mar", "away.mar", "file.mar", "with space.mar"])
def test_a_download_that_fails_leaves_nothing(place: Path, web: str, page: str) -> None:
    """A redirect has to be allowed like any other address."""
    model_store = ModelStore(
        place / "store", [re.compile(re.escape(web) + ".*"), re.compile("file:.*")], place / "temporary"
    )
    url = f"{web}/{page}"
    error = refuse(model_store, url, DownloadFailed, f"Failed to download archive from: {url}")
    assert error.__cause__ is not None
    assert list((place / "store").iterdir()) == []


def test_a_download_beyond_the_limit_leaves_nothing(place: Path, web: str) -> None:
    model_store = ModelStore(
        place / "store", temporary=place / "temporary", downloads=DownloadLimits(size=len(Web.content) - 1)
    )
    for page in ("m.mar", "long.mar"):
        refuse(model_store, f"{web}/{page}", DownloadFailed, f"Failed to download archive from: {web}/{page}")
    assert list((place / "store").iterdir()) == []


def test_a_downloaded_file_that_is_no_model_stays_in_the_store(place: Path, model_store: ModelStore, web: str) -> None:
    assert model_store.open(f"{web}/odd.mar").manifest == Manifest()
    assert (place / "store" / "odd.mar").exists()


@pytest.mark.parametrize("url", ["file:///" + "a" * 300, "http://127.0.0.1:1/" + "a" * 5000, "file:///a\0.mar"])
def test_a_name_that_no_file_can_have_is_no_archives(model_store: ModelStore, url: str) -> None:
    with pytest.raises(DownloadFailed):
        model_store.open(url)


def test_an_address_where_nobody_listens_fails(place: Path, model_store: ModelStore) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/x.mar"
    refuse(model_store, url, DownloadFailed, f"Failed to download archive from: {url}")


def test_a_server_that_sends_nothing_is_given_up(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.mar"
        with pytest.raises(DownloadFailed):
            Downloads((ALLOWED,), DownloadLimits(idle_seconds=0.05)).fetch(url, place, "x.mar")
    assert not list(place.glob("*.part"))


@contextmanager
def dripping(answer: bytes) -> Iterator[str]:
    """A server that answers with a byte at a time, for ever; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError), server.accept()[0] as connection:
                connection.sendall(answer)
                while True:
                    connection.sendall(b"x")
                    stopped.wait(0.01)

        stopped = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x.mar"
        stopped.set()
        thread.join(30)
        assert not thread.is_alive()


DRIPPING = pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 O",
    ],
)


def fail_to_open(model_store: ModelStore, url: str) -> None:
    with pytest.raises(DownloadFailed):
        model_store.open(url)


@DRIPPING
def test_a_download_has_a_time_limit_for_the_whole(place: Path, answer: bytes) -> None:
    downloads = Downloads((ALLOWED,), DownloadLimits(total_seconds=0.1))
    with dripping(answer) as url, pytest.raises(DownloadFailed) as failure:
        downloads.fetch(url, place / "store", "x.mar")
    assert list((place / "store").iterdir()) == []
    if b"\r\n\r\n" in answer:
        assert str(failure.value.__cause__) == "not complete after 0.1 s"


@DRIPPING
def test_a_download_ends_when_the_server_stops(place: Path, model_store: ModelStore, answer: bytes) -> None:
    with dripping(answer) as url:
        opening = threading.Thread(target=fail_to_open, args=(model_store, url))
        opening.start()
        while b"\r\n\r\n" in answer and not list((place / "store").iterdir()):
            pass
        model_store.close()
        assert list((place / "store").iterdir()) == []
        opening.join(30)
        assert not opening.is_alive()


def test_of_two_downloads_of_one_name_the_second_is_refused(place: Path, model_store: ModelStore) -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n") as url:
        opening = threading.Thread(target=fail_to_open, args=(model_store, url))
        opening.start()
        while not list((place / "store").iterdir()):
            pass
        refuse(model_store, url, ArchiveExists, "Model file already exists x.mar")
        model_store.close()
        opening.join(30)


def test_a_pipe_is_not_waited_for(place: Path, model_store: ModelStore) -> None:
    os.mkfifo(place / "pipe.mar")
    url = f"file://{place}/pipe.mar"
    refuse(model_store, url, DownloadFailed, f"Failed to download archive from: {url}")


def test_a_closed_store_opens_nothing(place: Path, model_store: ModelStore, web: str) -> None:
    write_mar(place / "store" / "local.mar")
    model_store.close()
    with pytest.raises(DownloadFailed):
        model_store.open(f"{web}/m.mar")
    with pytest.raises(SaveFailed):
        model_store.open("local.mar")
    assert unpacked(place) == []
