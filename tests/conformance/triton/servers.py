"""Servers for scenarios: in this process, where they start quickly, or as processes that end with a status."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

import uvloop

from app.commands.tritonserver.configuration import settings_of
from app.commands.tritonserver.flags import parser
from app.errors import CannotListen
from app.lifespan import running
from app.settings.errors import ConfigurationError
from app.settings.model import Settings
from app.triton_server import NotLoaded, listening, load_models

START_SECONDS = 120.0
STOP_SECONDS = 45.0
HURRY = 5.0


class Server(Protocol):
    """A server that has been started with flags."""

    def wait_started(self) -> None:
        """Return when it listens; raises RuntimeError where it does not start."""

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """End it; returns its exit status."""

    def wait_ended(self, seconds: float) -> int | None:
        """Its exit status once it has ended by itself; None where it does not."""


class ServerThread:
    """A server on a thread of this process, with the command's flags; polls more often than they say."""

    def __init__(self, flags: Sequence[str]) -> None:
        self._flags = flags
        self._loop = uvloop.new_event_loop()  # as the command has it
        self._stop = asyncio.Event()
        self._is_started = Event()
        self._status: int | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait_started(self) -> None:
        """Return when it listens; raises RuntimeError where it does not start."""
        if not self._is_started.wait(START_SECONDS) or not self._thread.is_alive():
            raise RuntimeError("the server did not start")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """End it; returns its exit status."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STOP_SECONDS)
        return self._status

    def wait_ended(self, seconds: float) -> int | None:
        """Its exit status once it has ended by itself; None where it does not."""
        self._thread.join(seconds)
        return self._status

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve(hurried(settings_of(parser().parse_args(self._flags)))))
        except SystemExit as error:
            self._status = int(error.code or 0)
        except (ConfigurationError, CannotListen, NotLoaded):
            self._status = 1
        finally:
            self._is_started.set()
            self._loop.close()

    async def _serve(self, settings: Settings) -> None:
        async with running(settings) as server:
            await load_models(server)
            async with listening(server):
                self._is_started.set()
                await self._stop.wait()
        self._status = 0


def hurried(settings: Settings) -> Settings:
    """The same settings, but repositories are polled HURRY times as often, and no watchdog takes signals."""
    assert settings.triton is not None
    repository = settings.triton.repository
    repository = replace(repository, poll_seconds=repository.poll_seconds / HURRY)
    return settings.replace(triton=replace(settings.triton, repository=repository), watchdog_timeout=0)


class ServerProcess:
    """The command `tritonserver` in a process of its own."""

    def __init__(self, flags: Sequence[str], folder: Path) -> None:
        command = "import sys; from app.cli import tritonserver; sys.exit(tritonserver())"
        self._console = folder / f"console_{len(list(folder.glob('console_*')))}.txt"
        with self._console.open("ab") as console:
            self._process = subprocess.Popen(
                [sys.executable, "-c", command, *flags], stdout=console, stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}, start_new_session=True,
            )  # fmt: skip

    def wait_started(self) -> None:
        """Return when it listens; raises RuntimeError where it does not start."""
        deadline = time.monotonic() + START_SECONDS
        while "Started Metrics Service" not in self._console.read_text(errors="replace"):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(self._console.read_text(errors="replace")[-2000:])
            time.sleep(0.02)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """End it; returns its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        status = self.wait_ended(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        return status

    def wait_ended(self, seconds: float) -> int | None:
        """Its exit status once it has ended by itself; None where it does not."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
