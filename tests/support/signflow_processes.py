"""The example as its users run it: a model server and the backend, each a process, and users with WebSockets."""

import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.support.free_ports import free_port
from tests.support.processes import MARSERVE, TIMEOUT_SECONDS

SIGNFLOW = Path(__file__).parents[2] / "deploy" / "signflow"
BACKEND = [sys.executable, "-m", "signflow.backend"]


def until(state: Callable[[], bool], what: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
    """Wait for a state of another process, for which there is no event."""
    deadline = time.monotonic() + timeout_seconds
    while not state():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


def fetch(url: str, method: str = "GET", body: Any = None) -> Any:
    """A JSON answer, or the text of another one."""
    content = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, content, method=method), timeout=TIMEOUT_SECONDS) as answer:
        text = answer.read().decode()
    return json.loads(text) if "json" in answer.headers["content-type"] else text


class Process:
    """A server on a port of its own; it can be killed, and started again on the same port."""

    def __init__(self, command: list[str], folder: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command, self._folder = [*command, "--port", str(self.port)], folder
        plain = {
            name: value for name, value in os.environ.items() if not name.startswith(("TS_", "TORCHSERVE_", "USE_"))
        }
        self._environment = plain | {"PYTHONPATH": str(SIGNFLOW)} | environment
        self._process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<Process {self._command[-4:]}>"

    def start(self, ready: str) -> None:
        """Return when the path is answered."""
        with (self._folder / f"{self.port}.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._environment, stdout=log, stderr=log
            )
        until(lambda: self._answers(ready), f"{self} answers {ready}; it says: {self.log()}")

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        """All that it has written."""
        return (self._folder / f"{self.port}.log").read_text()

    def _answers(self, path: str) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        try:
            fetch(self.url + path)
        except OSError:
            return False
        return True


class User:
    """Someone who signs to the backend; frames go as fast as they can, for the signer counts them and no seconds."""

    def __init__(self, backend: Process, socket: ClientConnection) -> None:
        self._backend, self._socket = backend, socket
        self._seed = 0

    def perform(self, sign: str) -> dict[str, Any]:
        """Perform a sign and wait for the message of the backend about it: a prediction, or an error."""
        self._seed += 1
        path = f"/performances/{urllib.parse.quote(sign)}?seed={self._seed}"
        for frame in fetch(self._backend.url + path):
            self._socket.send(json.dumps(frame))
        return self.receive("prediction", "error")

    def send(self, text: str) -> None:
        """Send any text."""
        self._socket.send(text)

    def receive(self, *types: str) -> dict[str, Any]:
        """The next message of one of these types."""
        while True:
            message: dict[str, Any] = json.loads(self._socket.recv(timeout=TIMEOUT_SECONDS))
            if message["type"] in types:
                return message


@contextmanager
def model_server(folder: Path, store: Path, *models: str) -> Iterator[Process]:
    """marserve with these archives of the store, loaded."""
    process = Process([*MARSERVE, "serve", "--model-store", str(store), "--models", *models], folder)
    try:
        start_model_server(process)
        yield process
    finally:
        process.kill()


def start_model_server(process: Process) -> None:
    """Start it, possibly again, and wait for a worker of the model."""
    process.start("/ping")
    until(lambda: "READY" in json.dumps(fetch(f"{process.url}/models/sign")), "the model has a worker")


@contextmanager
def backend(folder: Path, server_url: str, **environment: str) -> Iterator[Process]:
    """The backend beside a model server."""
    process = Process(
        BACKEND, folder,
        **{
            "USE_TORCHSERVE": "true", "TORCHSERVE_URL": server_url, "TORCHSERVE_MODEL": "sign",
            "TORCHSERVE_TIMEOUT_MS": "20000", "TORCHSERVE_HEDGE_MS": "20000",
        } | environment,
    )  # fmt: skip
    try:
        process.start("/signs")
        yield process
    finally:
        process.kill()


@contextmanager
def user(process: Process, name: str) -> Iterator[User]:
    """A user of the backend, connected."""
    with connect(f"ws://127.0.0.1:{process.port}/ws?user={name}", proxy=None) as socket:
        yield User(process, socket)
