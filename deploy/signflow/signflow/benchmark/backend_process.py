"""SignFlow's backend as a process of its own, in front of a model server or without one."""

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from .server_under_test import START_TIMEOUT_SECONDS, find_free_port

PACKAGES = Path(__file__).parents[2]


class BackendProcess:
    """Runs while the `with` lasts."""

    def __init__(self, folder: Path, server_port: int | None = None) -> None:
        self.port, self._log = find_free_port(), folder / "backend.log"
        self._environment = os.environ | {
            "USE_TORCHSERVE": str(server_port is not None),
            "TORCHSERVE_URL": f"http://127.0.0.1:{server_port or self.port}",
            "TORCHSERVE_MODEL": "sign",
            "TORCHSERVE_ENCODING": "float32",
            "PYTHONPATH": os.pathsep.join([str(PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]),
        }

    def __repr__(self) -> str:
        return f"<BackendProcess at {self.port}>"

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "signflow.backend", "--port", str(self.port)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)  # noqa: S603
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._is_ready():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self._process.kill()
                raise RuntimeError(f"The backend did not start: {self._log.read_text()}")
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

    @property
    def websocket_url(self) -> str:
        """Where frames are sent to."""
        return f"ws://127.0.0.1:{self.port}/ws"

    def _is_ready(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/signs", timeout=START_TIMEOUT_SECONDS).close()
        except OSError:
            return False
        return True
