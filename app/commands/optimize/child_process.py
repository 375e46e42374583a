"""The parent's side of a child process: commands with a time limit, and a reason where one fails."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

CLOSE_SECONDS = 5.0
MAX_REASON_CHARACTERS = 300


class ChildFailed(Exception):
    """A command failed, the child has died, or the time was over; the text is the reason."""


class ChildProcess:
    """Runs app.commands.optimize.child; used as a context manager. All calls raise ChildFailed."""

    def __init__(self, head: Mapping[str, Any], seconds: float) -> None:
        self._errors = TemporaryFile()  # noqa: SIM115 (closed with the process)
        root = str(Path(__file__).parents[3])
        path = os.pathsep.join(filter(None, (root, str(Path(root, "handler", "shim")), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "app.commands.optimize.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._errors, start_new_session=True, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        try:
            self.started = self._exchange({**head, "spawned_at": time.time()}, seconds)
            """The answer to the first line."""
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<ChildProcess {self._process.pid}>"

    @classmethod
    def of_archive(cls, archive: Path, samples: Sequence[Path], seconds: float) -> Self:
        """A process that has loaded an archive."""
        return cls({"archive": str(archive.absolute()), "samples": [str(each.absolute()) for each in samples]}, seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def call(self, name: str, timeout: float, **arguments: Any) -> dict[str, Any]:
        """The answer to a command."""
        return self._exchange({"call": name, **arguments}, timeout)

    def close(self) -> None:
        """End the process with all that it has started."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
            self._process.wait(CLOSE_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            self._kill()
        self._process.stdout.close()
        self._errors.close()

    def _exchange(self, command: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._death() from None
        ready, _, _ = select.select([self._process.stdout], [], [], max(0.1, seconds))
        if not ready:
            self._kill()
            raise ChildFailed(f"not within {seconds:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise self._death()
        found: dict[str, Any] = json.loads(line)
        if not found.pop("ok"):
            raise ChildFailed(found["error"])
        return found

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _death(self) -> ChildFailed:
        status = self._process.wait()
        self._errors.seek(0)
        lines = [line for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        return ChildFailed(f"its process ended with status {status}: {''.join(lines[-1:])[:MAX_REASON_CHARACTERS]}")


def run_build(head: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The answer of a build process; raises ChildFailed."""
    with ChildProcess(head, seconds) as process:
        return process.started
