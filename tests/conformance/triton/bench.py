"""A scenario's working folder, its repository, and its server."""

import base64
import os
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.conformance.triton.recording import MODELS
from tests.conformance.triton.servers import Server, ServerProcess, ServerThread
from tests.support.free_ports import free_ports


class Bench:
    """Files and a server; `built` is a folder of further models, `is_process` says that the server's end matters."""

    def __init__(self, root: Path, built: Path, server: Mapping[str, Any], *, is_process: bool) -> None:
        self._built = built
        self._server_spec = dict(server)
        self._is_process = is_process
        self._server: Server | None = None
        self.root = root
        self.ports = dict(zip(("http", "grpc", "metrics"), free_ports(3), strict=True))
        self.places = {
            "repository": str(root / "repository"),
            "root": str(root),
            **{name: str(port) for name, port in self.ports.items()},
        }
        (root / "repository").mkdir(parents=True)
        for name in server.get("models", ()):
            self.add(name)
        for name, text in server.get("files", {}).items():
            self.write(name, text)

    def add(self, name: str) -> None:
        """Copy a model: `a`, or `a=b` for a as b, or `a=other/b` for another repository."""
        source, _, target = name.partition("=")
        place = target if "/" in target else f"repository/{target or source}"
        found = [folder / source for folder in (MODELS, self._built) if (folder / source).is_dir()]
        assert found, f"there is no model {source}"
        for folder in found:  # the one has the configuration, the other the model
            shutil.copytree(folder, self.root / place, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)

    def write(self, name: str, content: str | dict[str, str]) -> None:
        """Write a file whose change can be seen, however coarse file times are."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else base64.b64decode(content["base64"]))
        later = time.time() + 2
        os.utime(path, (later, later))

    def fill(self, value: Any) -> Any:
        """A value with the real paths and ports."""
        if isinstance(value, str):
            for name, real in self.places.items():
                value = value.replace(f"{{{name}}}", real)
            return value
        if isinstance(value, dict):
            return {self.fill(key): self.fill(each) for key, each in value.items()}
        return [self.fill(each) for each in value] if isinstance(value, list) else value

    def start(self, changes: Mapping[str, Any] | None = None) -> None:
        """Start the server, and wait until it listens unless it is not to."""
        self._server_spec |= changes or {}
        flags = [
            f"--model-repository={self.places['repository']}",
            *(f"--{name}-port={port}" for name, port in self.ports.items()),
            *(f"--{name}-address=127.0.0.1" for name in self.ports),
            *self.fill(self._server_spec.get("flags", [])),
        ]
        self._server = ServerProcess(flags, self.root) if self._is_process else ServerThread(flags)
        if self._server_spec.get("wait", True):
            self._server.wait_started()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """End the server; returns its exit status."""
        server, self._server = self._server, None
        return server.stop(number) if server is not None else None

    def wait_ended(self, seconds: float) -> int | None:
        """The exit status of a server that ends by itself; None where it does not."""
        assert self._server is not None
        return self._server.wait_ended(seconds)
