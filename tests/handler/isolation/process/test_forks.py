"""A process that is forked holds none of the server's sockets and signals."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from handler.isolation.process import forks

pytestmark = pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")


@pytest.fixture(params=["tcp", "unix"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    family, address = (
        (socket.AF_INET, ("127.0.0.1", 0)) if request.param == "tcp" else (socket.AF_UNIX, f"{tmp_path}/s")
    )
    with socket.socket(family) as listener:
        listener.bind(address)
        listener.listen()
        yield listener


def in_child(question: str, **names: object) -> str:
    """The value of an expression in a forked child."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, repr(eval(question, {**names, "os": os, "signal": signal})).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        answer = answers.read().decode()
    os.waitpid(pid, 0)
    return answer


def test_listening_sockets_and_accepted_connections_are_closed(listener: socket.socket) -> None:
    forks.install()
    client = socket.socket(listener.family)
    client.connect(listener.getsockname())
    accepted, _ = listener.accept()
    null = Path(os.devnull).stat().st_rdev
    question = "[os.fstat(each.fileno()).st_rdev == null for each in sockets]"
    other = socket.socketpair()
    with client, accepted, other[0], other[1]:
        sockets = [listener, accepted, *other]
        assert in_child(question, sockets=sockets, null=null) == "[True, True, False, False]"
        accepted.sendall(b"still open here")
        assert client.recv(99) == b"still open here"


def test_signals_have_their_defaults() -> None:
    forks.install()
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        interrupt = "signal.getsignal(2) in (signal.default_int_handler, signal.SIG_IGN)"  # as a shell starts commands
        assert in_child(f"signal.getsignal(15) == signal.SIG_DFL, {interrupt}") == "(True, True)"
    finally:
        signal.signal(signal.SIGTERM, before)
