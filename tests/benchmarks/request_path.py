"""The files of the project that a warm prediction visits, in their order, from the bytes received to the bytes written.

Run `python -m tests.benchmarks.request_path`. Functions are recorded by Python's profiler on all threads; what runs
between requests, such as counting and logging, is not part of the path.
"""

import asyncio
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import anyio

from app.application import create_apps
from app.http.protocol import TorchServeProtocol
from app.lifespan import running
from app.server import Server
from app.settings.model import Settings
from app.settings.types import InitialModel, ListenAddress
from tests.benchmarks.jobs import JOBS, Serving
from tests.benchmarks.silence import silence
from tests.support.free_ports import free_port

ROOT = Path(__file__).parents[2]
WARM_UP_REQUESTS = 200
REQUESTS = 100
REQUEST = b"POST /predictions/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
FIRST, LAST = TorchServeProtocol.buffer_updated.__code__, "writelines"


class PathRecorder:
    """Records the own files whose functions are called between `FIRST` and `LAST`, on any thread."""

    def __init__(self) -> None:
        self.requests: list[dict[str, list[str]]] = []
        """Of each request the names of the functions by their files, in the order of the first calls."""
        self.is_active = False
        self._is_on_path = False

    def profile(self, frame: FrameType, event: str, argument: Any) -> None:
        """Python's profile function."""
        if (event == "c_call" and argument.__name__ == LAST) or frame.f_code.co_name == LAST:
            self._is_on_path = False
        elif event == "call":
            if self.is_active and frame.f_code is FIRST:
                self._is_on_path = True
                self.requests.append({})
            if self._is_on_path and (file := self._own_file(frame)) is not None:
                functions = self.requests[-1].setdefault(file, [])
                if frame.f_code.co_qualname not in functions:
                    functions.append(frame.f_code.co_qualname)

    def files(self) -> dict[str, list[str]]:
        """The path of the last request, without what ran by chance at the same time: all requests visit its files."""
        visited = set.intersection(*(set(request) for request in self.requests))
        return {file: functions for file, functions in self.requests[-1].items() if file in visited}

    def _own_file(self, frame: FrameType) -> str | None:
        path = Path(frame.f_code.co_filename)
        own = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in ("app", "model_registry", "handler")
        return str(path.relative_to(ROOT)) if own else None


@contextmanager
def profiling_threads(recorder: PathRecorder) -> Iterator[None]:
    """Have threads that start in the block, and this one, call the recorder."""
    threading.setprofile(recorder.profile)
    sys.setprofile(recorder.profile)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def ask(port: int, count: int) -> None:
    """Send requests one after the other over one connection; blocks."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in range(count):
            connection.sendall(REQUEST)
            received = connection.recv(65536)
            assert received.startswith(b"HTTP/1.1 200 "), received


async def record(store: Path) -> PathRecorder:
    """Serve `echo`, and record requests to a warm worker."""
    JOBS["echo"].build(store, Serving())
    address = ListenAddress("http", "127.0.0.1", free_port())
    options: dict[str, Any] = dict.fromkeys(("inference_address", "management_address", "metrics_address"), address)
    options |= {"authorization": "off", "metrics_mode": "prometheus"}
    settings = Settings(model_store=store, load_models=(InitialModel(None, "echo.mar"),), **options)
    recorder = PathRecorder()
    with profiling_threads(recorder):
        async with running(settings) as application, anyio.create_task_group() as tasks:
            await application.registry.started.wait()
            version = application.registry.resolve("echo")
            await asyncio.gather(*(asyncio.wrap_future(worker.loaded) for worker in version.pool.workers))
            server = Server(create_apps(application)[address], address, application)
            server.bind()
            await tasks.start(server.serve_bound)
            await asyncio.to_thread(ask, address.port, WARM_UP_REQUESTS)
            recorder.is_active = True
            await asyncio.to_thread(ask, address.port, REQUESTS)
            recorder.is_active = False
            application.shutdown_requested.set()
    return recorder


def main() -> None:
    """Print the files and their functions."""
    with silence(), tempfile.TemporaryDirectory() as name:
        files = asyncio.run(record(Path(name))).files()
    for number, (file, functions) in enumerate(files.items(), start=1):
        print(f"{number:3} {file}: {', '.join(functions)}")


if __name__ == "__main__":
    main()
