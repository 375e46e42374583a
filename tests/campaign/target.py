"""The server under attack: a process with its own folders, which is started, measured, disturbed and started again."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import grpc

from app.grpc.messages import MANAGEMENT, message
from tests.support.free_ports import free_port

ROOT = Path(__file__).parents[2]
BACKWARDS = """
    def handle(data, context):
        return data and [text(row.get("body", row.get("data", "")))[::-1] for row in data]
    def text(value):
        return value.decode("latin-1") if isinstance(value, (bytes, bytearray)) else str(value)
"""
START_SECONDS = 60.0
ANSWER_SECONDS = 20.0
"""The time after which a request counts as lost: no limit of the server under attack is longer."""
KEEPS = ("backwards", "apart")
"""The models that are to serve whatever comes."""


@dataclass(frozen=True)
class Usage:
    """The resources of a server's process."""

    memory: int
    """Bytes."""
    threads: int
    files: int


def pack(path: Path, files: Mapping[str, bytes], **model: str) -> bytes:
    """Write an archive; returns its bytes."""
    model_entry = {"modelName": path.stem, "modelVersion": "1.0", "handler": "handler.py", **model}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps({"runtime": "python", "model": model_entry}))
        for name, content in files.items():
            archive.writestr(name, content)
    return path.read_bytes()


@dataclass
class Target:
    """A server in a folder. `program` replaces the command, `environ` adds variables."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    program: str = "import sys; from app.cli import main; sys.exit(main())"

    def __post_init__(self) -> None:
        self.store, self.temporary, self.log = self.folder / "store", self.folder / "tmp", self.folder / "console.log"
        for folder in (self.store, self.temporary):
            folder.mkdir(parents=True, exist_ok=True)
        handler = {"handler.py": textwrap.dedent(BACKWARDS).encode()}
        config = b"minWorkers: 2\nmaxWorkers: 2\nbatchSize: 4\nmaxBatchDelay: 5\nresponseTimeout: 10\n"
        pack(self.store / "backwards.mar", {**handler, "c.yaml": config}, configFile="c.yaml")
        pack(self.store / "apart.mar", {**handler, "c.yaml": config + b"isolation: process\n"}, configFile="c.yaml")
        self.port, self.grpc_port = free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until its models serve."""
        (self.folder / "config.properties").write_text(
            f"grpc_inference_port={self.grpc_port}\ngrpc_management_port={self.grpc_port}\nclient_header_timeout=5\nclient_body_timeout=5\nsend_timeout=5\n"
            "max_request_size=200000\nwatchdog_timeout=15\nmax_archive_size=50000000\n"
        )
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.temporary),
            "PYTHONUNBUFFERED": "1",
            **self.environ,
        }
        command = [sys.executable, "-c", self.program, "serve", "--port", str(self.port)]
        command += ["--model-store", str(self.store), "--models", *(f"{name}.mar" for name in KEEPS)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, env=environ, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_SECONDS
        while not self.serves():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"The server does not start: {self.tail()}")
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; returns its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return 1

    def close(self) -> None:
        """End it, and delete its folder."""
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def serves(self) -> bool:
        """Whether all models that are to serve answer."""
        with suppress(OSError, http.client.HTTPException):
            return all(self.ask("POST", f"/predictions/{name}", b"ab") == (200, b"ba") for name in KEEPS)
        return False

    def ask(self, method: str, path: str, body: bytes = b"", media_type: str = "text/plain") -> tuple[int, bytes]:
        """One request on a connection of its own."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)) as connection:
            connection.request(method, path, body, {"Content-Type": media_type} if body else {})
            response = connection.getresponse()
            return response.status, response.read()

    def send(self, content: bytes) -> bytes | None:
        """The bytes that come back for raw bytes, None if the connection is still open after ANSWER_SECONDS."""
        received, deadline = b"", time.monotonic() + ANSWER_SECONDS
        with socket.create_connection(("127.0.0.1", self.port), ANSWER_SECONDS) as connection:
            try:
                connection.sendall(content)
                connection.shutdown(socket.SHUT_WR)
                while piece := connection.recv(1 << 16):
                    received += piece
                    if time.monotonic() > deadline:
                        return None
            except TimeoutError:
                return None
            except OSError:  # it was closed before all was sent
                pass
        return received

    def remove_foreign_models(self) -> list[str]:
        """Unregister all models but those that are to serve; returns the names of those that cannot be.

        Names and versions with a slash can be registered, as in TorchServe, and here gRPC finds them.
        """
        models = json.loads(self.ask("GET", "/models?limit=1000")[1])["models"]
        names = [model["modelName"] for model in models if model["modelName"] not in KEEPS]
        stuck = []
        for name in names:
            versions = json.loads(self.ask("GET", f"/models/{quote(name, safe='')}/all")[1])
            numbers = [each["modelVersion"] for each in versions] if isinstance(versions, list) else ["/"]
            if "/" in name or any("/" in number for number in numbers):
                self._unregister_by_grpc(name)
                continue
            paths = [f"/models/{quote(name, safe='')}/{quote(number, safe='')}" for number in numbers]
            stuck += [name] if any(self.ask("DELETE", path)[0] != 200 for path in reversed(paths)) else []
        return stuck

    def _unregister_by_grpc(self, name: str) -> None:
        path = f"/{MANAGEMENT}.ManagementAPIsService/UnregisterModel"
        request = message(MANAGEMENT, "UnregisterModelRequest")(model_name=name)
        with grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}", [("grpc.enable_http_proxy", 0)]) as channel:
            channel.unary_unary(path)(request.SerializeToString(), timeout=ANSWER_SECONDS)

    def usage(self) -> Usage:
        """The resources that the process holds now."""
        assert self.process is not None
        folder = Path("/proc", str(self.process.pid))
        fields = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        files = len(list((folder / "fd").iterdir()))
        return Usage(int(fields["VmRSS"].split()[0]) << 10, int(fields["Threads"]), files)

    def tail(self) -> str:
        """The end of what it has printed."""
        return self.log.read_bytes()[-2000:].decode("utf-8", "replace")

    def count_tracebacks(self) -> int:
        """The tracebacks that it has printed."""
        with self.log.open("rb") as log:
            return sum(line.startswith(b"Traceback") for line in log)
