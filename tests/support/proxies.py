"""Proxies in front of two servers that send requests to one of them, and retry nothing: a small one, and HAProxy."""

import asyncio
import shutil
import socket
import subprocess
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Protocol

from tests.support.free_ports import free_port
from tests.support.load import until

BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
HAPROXY = """
global
    stats socket {folder}/admin level admin
    nbthread 1
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    retries 0
frontend front
    bind 127.0.0.1:{port}
    default_backend back
backend back
    http-reuse never
    server first 127.0.0.1:{first}
    server second 127.0.0.1:{second} disabled
"""


class Proxy(Protocol):
    """Sends requests to the first server until it is switched to the second."""

    url: str

    def switch(self) -> None:
        """Send what comes from now on to the second server."""


class SmallProxy:
    """A proxy that takes a connection of its own for every request."""

    def __init__(self, first: int, second: int) -> None:
        self._target, self._second = first, second
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", port))

    def switch(self) -> None:
        """Send what comes from now on to the second server."""
        asyncio.run_coroutine_threadsafe(self._prefer_second(), self._loop).result()

    def run(self) -> None:
        """Serve until stopped."""
        self._loop.run_forever()
        self._server.close()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def stop(self) -> None:
        """End `run`, from another thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _prefer_second(self) -> None:
        self._target = self._second

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        with closing(writer):
            try:
                while True:
                    writer.write(await self._forward(await _message(reader)))
            except asyncio.IncompleteReadError:  # the client has disconnected
                return

    async def _forward(self, request: bytes) -> bytes:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._target)
            with closing(writer):
                writer.write(request)
                return await _message(reader)
        except (OSError, asyncio.IncompleteReadError):
            return BAD_GATEWAY


async def _message(reader: StreamReader) -> bytes:
    """A request or a response with a content-length."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    lengths = [int(value) for name, _, value in lines if name == b"content-length"]
    return head + await reader.readexactly(lengths[0])


class HaProxy:
    """HAProxy, switched over its admin socket."""

    def __init__(self, folder: Path, first: int, second: int) -> None:
        port = free_port()
        self.url, self._admin = f"http://127.0.0.1:{port}", str(folder / "admin")
        self.config = folder / "haproxy.cfg"
        self.config.write_text(HAPROXY.format(folder=folder, port=port, first=first, second=second))
        self._port = port

    def switch(self) -> None:
        """Send what comes from now on to the second server."""
        for command in ("set server back/second state ready", "set server back/first state drain"):
            with socket.socket(socket.AF_UNIX) as admin:
                admin.connect(self._admin)
                admin.sendall(f"{command}\n".encode())
                assert admin.recv(1024).strip() == b""

    def listens(self) -> bool:
        """Whether it takes connections."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


@contextmanager
def small_proxy(folder: Path, first: int, second: int) -> Iterator[Proxy]:
    """A SmallProxy that runs."""
    proxy = SmallProxy(first, second)
    thread = Thread(target=proxy.run)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()


@contextmanager
def haproxy(folder: Path, first: int, second: int) -> Iterator[Proxy]:
    """HAProxy with these servers behind it."""
    command = shutil.which("haproxy") or "/usr/sbin/haproxy"
    proxy = HaProxy(folder, first, second)
    with subprocess.Popen([command, "-f", proxy.config], stderr=subprocess.DEVNULL) as process:
        try:
            until(proxy.listens)
            yield proxy
        finally:
            process.terminate()
