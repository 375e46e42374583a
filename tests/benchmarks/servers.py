"""Servers as processes, each started by one command line and asked at one URL."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from handler.devices.cpu_budget import usable_cores
from tests.benchmarks.jobs import ROOT, Body, Job, Serving, same
from tests.benchmarks.machine import Tree, eventually
from tests.support.free_ports import free_port

START_TIMEOUT_SECONDS = 120.0
OURS = (sys.executable, "-c", "import sys; from app.cli import torchserve; sys.exit(torchserve())")
CONFIG = """
inference_address=http://127.0.0.1:{}
management_address=http://127.0.0.1:{}
metrics_address=http://127.0.0.1:{}
grpc_inference_port={}
grpc_management_port={}
disable_token_authorization=true
enable_model_api=true
"""


@dataclass(frozen=True)
class Candidate:
    """A server that is measured: `command` takes TorchServe's options."""

    name: str
    command: tuple[str, ...] = ()
    workers: int = 1
    answers: bool = True
    """Whether it calls the handler, so that its answers can be checked."""

    @property
    def label(self) -> str:
        """The name in tables."""
        return f"{self.name}, {self.workers} worker{'s' * (self.workers > 1)}"

    def server(self, jobs: Sequence[str], store: Path, folder: Path, answer: Any = None) -> "Server":
        """To be started: the jobs' archives from the store, with what it writes in the folder."""
        ports = [free_port() for _ in range(5)]
        config = folder / "config.properties"
        config.write_text(CONFIG.format(*ports))
        options = ["--start", "--foreground", "--ncs", "--model-store", str(store), "--ts-config", str(config)]
        models = ["--models", *(f"{job}={job}.mar" for job in jobs)]
        # One share of the cores for each worker, which marserve takes by itself.
        threads = {"OMP_NUM_THREADS": str(max(1, usable_cores() // self.workers))} if self.command != OURS else {}
        return Server(
            [*self.command, *options, *models], folder, ports[0], threads, management=ports[1], metrics=ports[2]
        )


@dataclass(frozen=True)
class Limit(Candidate):
    """An application that knows no settings."""

    @property
    def label(self) -> str:
        """The name in tables."""
        return self.name


@dataclass(frozen=True)
class Constant(Limit):
    """The application that answers the same to every request."""

    answers: bool = False

    def server(self, jobs: Sequence[str], store: Path, folder: Path, answer: Any = None) -> "Server":
        """To be started, with the answer that it gives."""
        file = folder / "answer"
        file.write_bytes(json.dumps(answer, indent=2).encode())
        return _limit("constant", folder, str(file))


@dataclass(frozen=True)
class Threaded(Limit):
    """The application that calls the handler on a thread."""

    def server(self, jobs: Sequence[str], store: Path, folder: Path, answer: Any = None) -> "Server":
        """To be started, with the one job's archive."""
        (job,) = jobs
        return _limit("threaded", folder, str(store / f"{job}.mar"))


def _limit(program: str, folder: Path, *arguments: str) -> "Server":
    port = free_port()
    return Server([sys.executable, "-m", f"tests.benchmarks.{program}", str(port), *arguments], folder, port)


class Server:
    """Runs while the `with` lasts; its output goes to the file `log` in its folder."""

    def __init__(
        self, command: Sequence[str], folder: Path, port: int, environ: Mapping[str, str] | None = None,
        *, management: int | None = None, metrics: int | None = None,
    ) -> None:  # fmt: skip
        self.port = port
        self.management = management or port
        self.metrics = metrics or port
        self._command, self._folder, self._environ = command, folder, dict(environ or {})

    def __repr__(self) -> str:
        return f"<Server {self._command[0]} at {self.port}>"

    def __enter__(self) -> Self:
        folder = self._folder
        (folder / "temporary").mkdir(exist_ok=True)
        path = os.pathsep.join((str(ROOT), str(ROOT / "handler/shim"))) if sys.executable in self._command else ""
        variables = {"TMPDIR": str(folder / "temporary"), "LOG_LOCATION": str(folder / "logs"), "PYTHONPATH": path}
        self.began = time.perf_counter()
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command, cwd=folder, env={**os.environ, **variables, **self._environ},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.tree = Tree(self._process.pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._signal(signal.SIGTERM)
        eventually(lambda: self._process.poll() is not None and not self.tree.pids(), 15)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def until_right(self, path: str, body: Body, expected: Any | None) -> float:
        """Ask until it gives the right answer (or any, without one); seconds since it was started."""

        def right() -> bool:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self} has ended: {self._log()}")
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                return is_right(self.ask(path, body), expected)
            return False

        if not eventually(right, START_TIMEOUT_SECONDS):
            raise RuntimeError(f"{self} gives no right answer: {self._log()}")
        return time.perf_counter() - self.began

    def ask(self, path: str, body: Body) -> tuple[int, bytes]:
        """Status and body of one answer, on a connection of its own."""
        return self.call("POST", path, body)

    def call(self, method: str, path: str, body: Body | None = None, *, port: int | None = None) -> tuple[int, bytes]:
        """Any call, without a body if there is none, to the inference API if to no other port."""
        with closing(http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=60)) as connection:
            headers = {"Content-Type": body.content_type} if body else {}
            connection.request(method, path, body.value if body else None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def _log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-3000:]

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


@contextlib.contextmanager
def marserve(jobs: Sequence[Job], serving: Serving = Serving()) -> Iterator[Server]:  # noqa: B008 (it is frozen)
    """A server of its own for these jobs, which answers already."""
    with tempfile.TemporaryDirectory(prefix="marserve-benchmark-", ignore_cleanup_errors=True) as name:
        store = Path(name, "store")
        store.mkdir()
        for job in jobs:
            job.build(store, serving)
        candidate = Candidate("marserve", OURS, serving.workers)
        with candidate.server([job.name for job in jobs], store, Path(name)) as server:
            for job in jobs:
                server.until_right(f"/predictions/{job.name}", job.bodies()[0], None)
            yield server


def is_right(answer: tuple[int, bytes], expected: Any | None) -> bool:
    """Whether status and body are as expected; with None, whether the status is 200."""
    status, body = answer
    return status == 200 and (expected is None or same(json.loads(body), expected))
