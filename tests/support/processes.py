"""A server as a process of its own: started, waited for, signalled."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event, Thread
from types import TracebackType

from tests.support.free_ports import free_port

TIMEOUT_SECONDS = 60
MARSERVE = [sys.executable, "-c", "import sys; from app.cli import main; sys.exit(main())"]


class Server:
    """A process that is started by `with`, also once more, and does not outlive it; `port` is one that was free."""

    def __init__(self, command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.lines: list[str] = []
        self._command, self._folder = command, folder
        self._environ = {
            **(os.environ if environ is None else environ),
            "PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
        }

    @classmethod
    def of(
        cls, store: Path, *models: str, options: Sequence[str] = (), environ: Mapping[str, str] | None = None
    ) -> "Server":
        """`marserve serve` on the archives of a store, with its temporary files beside the store."""
        temporary = store.parent / "temporary"
        temporary.mkdir(exist_ok=True)
        root = str(Path(__file__).parents[2])
        variables = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": root, **(environ or {})}
        command = [*MARSERVE, "serve", *options, "--model-store", str(store), "--models", *models]
        return cls(command, store.parent, variables)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Server":
        self._listens = Event()
        self.process = subprocess.Popen(
            self._command, cwd=self._folder, env=self._environ, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._reader = Thread(target=self._read, args=(self.process, self._listens), daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(TIMEOUT_SECONDS)

    def until_listening(self) -> None:
        """Wait for the line that says that it serves; fails with its output if it ends instead."""
        assert self._listens.wait(TIMEOUT_SECONDS), self.output
        assert "Model server started." in self.output, self.output

    @property
    def output(self) -> str:
        """The lines that it has written so far."""
        return "".join(self.lines)

    def stop(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT_SECONDS)

    def _read(self, process: "subprocess.Popen[str]", listens: Event) -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for line in output:
                self.lines.append(line)
                if line == "Model server started.\n":
                    listens.set()
        listens.set()
