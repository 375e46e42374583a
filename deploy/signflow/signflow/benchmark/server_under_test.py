"""A model server to be measured: started by a command with TorchServe's flags, and managed over its API."""

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

CONFIG_TEMPLATE = """
inference_address=http://127.0.0.1:{}
management_address=http://127.0.0.1:{}
metrics_address=http://127.0.0.1:{}
grpc_inference_port={}
grpc_management_port={}
disable_token_authorization=true
enable_model_api=true
job_queue_size=1000
"""
START_TIMEOUT_SECONDS = 90


@dataclass(frozen=True, slots=True)
class ServingOptions:
    """Workers, batch size and max_batch_delay (milliseconds) of a model."""

    workers: int
    batch: int
    delay: int

    def __str__(self) -> str:
        return f"batch {self.batch}, {self.workers} worker{'s' * (self.workers > 1)}, delay {self.delay} ms"


class ServerUnderTest:
    """Runs while the `with` lasts; {store} and {config} in the command become its model store and config.properties."""

    def __init__(self, name: str, command: str, folder: Path, store: Path) -> None:
        self.name, self._folder = name, folder
        self.port, self._management, *others = (find_free_port() for _ in range(5))
        config = folder / f"{name}.properties"
        config.write_text(CONFIG_TEMPLATE.format(self.port, self._management, *others))
        self._command = shlex.split(command.format(store=store, config=config))
        # TorchServe's pid file and sockets lie there, and other servers of this machine have theirs.
        self._environment = os.environ | {"TMPDIR": str(folder), "TEMP": str(folder)}

    def __repr__(self) -> str:
        return f"<ServerUnderTest {self.name} at {self.port}>"

    def __enter__(self) -> Self:
        with (self._folder / f"{self.name}.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                self._command, cwd=self._folder, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._is_ready():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.send_signal(signal.SIGKILL)
                raise RuntimeError(f"{self.name} did not start: {(self._folder / f'{self.name}.log').read_text()}")
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while self._is_ready() and time.monotonic() < deadline:
            time.sleep(0.1)
        self.send_signal(signal.SIGKILL)
        self._process.wait()

    def register(self, options: ServingOptions) -> None:
        """Register the archive with these options, and return when its workers are ready."""
        if "sign" in json.dumps(self._manage("GET", "/models")):
            self._manage("DELETE", "/models/sign")
        try:
            self._manage(
                "POST", "/models", url="sign.mar", initial_workers=options.workers, batch_size=options.batch,
                max_batch_delay=options.delay, synchronous="true",
            )  # fmt: skip
        except urllib.error.HTTPError as error:
            cause = error.read().decode(errors="replace").strip()
            raise RuntimeError(f"{self.name} could not load sign.mar: {cause}") from error

    def cpu_seconds(self) -> float:
        """Processor time of the server's processes so far; NaN where there is no /proc."""
        if not Path("/proc/self/stat").exists():
            return float("nan")
        stats = (file.read_text().rpartition(")")[2].split() for file in Path("/proc").glob("[0-9]*/stat"))
        ticks = sum(int(stat[11]) + int(stat[12]) for stat in stats if int(stat[3]) == self._process.pid)
        return ticks / os.sysconf("SC_CLK_TCK")

    def _manage(self, method: str, path: str, **query: object) -> object:
        url = f"http://127.0.0.1:{self._management}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(
            urllib.request.Request(url, method=method), timeout=START_TIMEOUT_SECONDS
        ) as answer:
            return json.load(answer)

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the whole process group: TorchServe's command is only the parent of its server."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _is_ready(self) -> bool:
        try:
            self._manage("GET", "/models")
        except OSError:
            return False
        return True


def find_free_port() -> int:
    """A port of the loopback interface on which nothing listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
