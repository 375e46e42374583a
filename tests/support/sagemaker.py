"""SageMaker's side of its contract with a container: it starts it, pings it, and invokes its models.

A multi-model endpoint loads a model when it is asked for, and unloads the one that was asked for longest ago when the
container answers that its memory is used up.
"""

import hashlib
import json
import signal
import sys
import tarfile
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from tests.support.free_ports import free_port
from tests.support.processes import Server

ENTRYPOINT = Path(__file__).parents[2] / "deploy" / "entrypoint.sh"
PING_SECONDS = 2.0
INVOCATION_SECONDS = 60.0
INSUFFICIENT_STORAGE = 507


class Answer(NamedTuple):
    """The container's answer."""

    status: int
    body: bytes
    headers: dict[str, str]


class Endpoint:
    """One container of an endpoint, whose model artifacts are archives (model.tar.gz) in a folder that stands for S3.

    `memory` is the container's folder /opt/ml; the variables are those of the endpoint's configuration.
    """

    def __init__(self, artifacts: Path, memory: Path, *, is_multi_model: bool, **variables: str) -> None:
        self.port = free_port()
        self.loaded: list[str] = []
        """Models that are loaded; the last one is that which was asked for last."""
        self._artifacts, self._base = artifacts, memory
        for folder in ("model", "models"):
            (memory / folder).mkdir(parents=True, exist_ok=True)
        environ = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "SAGEMAKER_BASE_DIR": str(memory),
            "SAGEMAKER_BIND_TO_PORT": str(self.port), "SAGEMAKER_SAFE_PORT_RANGE": "9000-9999",
            "AWS_REGION": "eu-central-1", "TMPDIR": str(memory.parent), "MARSERVE_PROPERTIES": str(memory.parent),
            **({"SAGEMAKER_MULTI_MODEL": "true"} if is_multi_model else {}), **variables,
        }  # fmt: skip
        (memory.parent / "serve.properties").write_text("load_models=all\nmodel_store=/home/model-server/model-store\n")
        self._server = Server(["/bin/sh", str(ENTRYPOINT), "serve"], memory.parent, environ)

    def __enter__(self) -> "Endpoint":
        self._server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.__exit__(None, None, None)

    def until_in_service(self) -> None:
        """Wait until the container answers pings."""
        self._server.until_listening()
        while self.ping() != 200:
            assert self._server.process.poll() is None, self._server.output

    def until_written(self, line: str) -> None:
        """Wait until the container listens, and has written a line."""
        self._server.until_listening()
        while line not in self.output:
            assert self._server.process.poll() is None, self.output

    @property
    def output(self) -> str:
        """The lines that the container has written."""
        return self._server.output

    def stop(self) -> int:
        """Stop the container as SageMaker does; its exit status."""
        return self._server.stop(signal.SIGTERM)

    def until_ended(self) -> int:
        """Wait for a container that cannot serve; its exit status."""
        return self._server.process.wait(PING_SECONDS * 30)

    def ping(self) -> int:
        """The status of a ping, within its two seconds."""
        return self.ask("GET", "/ping", timeout=PING_SECONDS).status

    def invoke(self, body: bytes, **headers: str) -> Answer:
        """InvokeEndpoint of an endpoint with one model."""
        return self.ask("POST", "/invocations", body, {"Content-Type": "application/json", **headers})

    def invoke_model(self, target: str, body: bytes) -> Answer:
        """InvokeEndpoint with a TargetModel: load it if it is not there, in place of others if it has to be."""
        name, headers = model_name(target), {"X-Amzn-SageMaker-Target-Model": target, "Content-Type": "text/plain"}
        if name not in self.loaded:
            answer = self.load(target)
            while answer.status == INSUFFICIENT_STORAGE and self.loaded:
                assert self.unload(self.loaded[0]) == 200
                answer = self.load(target)
            if answer.status != 200:
                return answer
        self.loaded.remove(name)
        self.loaded.append(name)
        return self.ask("POST", f"/models/{name}/invoke", body, headers)

    def load(self, target: str) -> Answer:
        """Download an artifact, and tell the container to load it."""
        name = model_name(target)
        folder = self._base / "models" / name / "model"
        if not folder.exists():
            self.download(target, folder)
        body = json.dumps({"model_name": name, "url": str(folder)}).encode()
        answer = self.ask("POST", "/models", body, {"Content-Type": "application/json"})
        if answer.status == 200:
            self.loaded.append(name)
        return answer

    def unload(self, name: str) -> int:
        """Let the container unload a model; the status."""
        self.loaded.remove(name)
        return self.ask("DELETE", f"/models/{name}").status

    def download(self, target: str, folder: Path) -> None:
        """Unpack an artifact to a folder, as SageMaker does before it starts a container, or loads a model."""
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(self._artifacts / target) as artifact:
            artifact.extractall(folder, filter="data")

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None,
        timeout: float = INVOCATION_SECONDS,
    ) -> Answer:  # fmt: skip
        """One request of the platform to the container."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.read(), {key.lower(): text for key, text in response.getheaders()})
        finally:
            connection.close()


def model_name(target: str) -> str:
    """The opaque name that the container knows a model by."""
    return hashlib.sha256(target.encode()).hexdigest()[:32]


def pack(artifacts: Path, target: str, source: Path) -> None:
    """Make an artifact of a file, or of what a folder holds."""
    artifacts.mkdir(exist_ok=True)
    with tarfile.open(artifacts / target, "w:gz") as artifact:
        for path in [source] if source.is_file() else sorted(source.iterdir()):
            artifact.add(path, path.name)
