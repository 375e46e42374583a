"""A worker's thread for tests: its archive is a folder of a few files."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from handler.isolation.process.working_directory import unshare
from handler.isolation.worker_environment import WorkerEnvironment


class OneWorker:
    """Runs functions one by one, each on a thread that has entered the worker's environment."""

    def __init__(self, folder: Path, unshare: Callable[[], bool] = unshare, **more: Any) -> None:
        self.folder = folder
        self.lines: list[tuple[str, str]] = []
        self.environment = WorkerEnvironment(
            folder, f"W-9000-{folder.name}", lambda stream, line: self.lines.append((stream, line)), unshare, **more
        )
        self.namespace = self.environment.namespace

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The function's result, or what it raised."""
        outcome: list[Any] = []
        thread = threading.Thread(target=self._enter_and_run, args=(function, arguments, outcome))
        thread.start()
        thread.join()
        result, error = outcome
        if error is not None:
            raise error
        return result

    def load(self, name: str = "handler") -> ModuleType:
        """Import a module of the archive, as when a worker loads."""
        return self.run(self._load, name)

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function of the archive's handler module."""
        return self.run(getattr(self.namespace.loaded("handler"), name), *arguments)

    def lines_of(self, stream: str) -> list[str]:
        """The lines that one stream has received."""
        return [line for each, line in self.lines if each == stream]

    def close(self) -> None:
        """Close the environment of the archive."""
        self.environment.close()

    def _load(self, name: str) -> ModuleType:
        with self.environment.loading():
            return self.namespace.load(name)

    def _enter_and_run(self, function: Callable[..., Any], arguments: tuple[Any, ...], outcome: list[Any]) -> None:
        try:
            self.environment.enter()
            outcome += [function(*arguments), None]
        except BaseException as error:
            outcome += [None, error]


Make = Callable[..., OneWorker]
"""Makes a worker of an archive of that name: make("a", handler="import utils", utils="...")."""


@contextmanager
def workers_in(folder: Path) -> Iterator[Make]:
    """Makes workers whose archives are in the folder, and closes them all."""
    workers: list[OneWorker] = []

    def make(name: str, /, **files: str) -> OneWorker:
        contents = {f"{path}.py": text for path, text in files.items()}
        workers.append(OneWorker(write(folder / name, contents)))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


def ask(worker: OneWorker) -> Any:
    """Load the handler, and return what is called `answer` in it, or what that returns."""
    answer = worker.load().answer
    return worker.run(answer) if callable(answer) else answer


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write an unpacked archive."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder
