"""The server's side of the watchdog: beats of the event loop while workers may keep the interpreter's lock."""

import asyncio
import ctypes
import faulthandler
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from app.model_server import ModelServer
from app.watchdog import observer
from app.watchdog.observer import DUMP_SIGNAL, EXIT_SIGNAL
from model_registry.tasks.loop_watch import LoopWatch

LOG = logging.getLogger("marserve.watchdog")
GRACE_SECONDS = 10.0
"""The time beyond a worker's own that the event loop gets to give it up."""
MAX_BEAT_SECONDS = 1.0
DEBUGGERS = ("pydevd", "_pydevd_bundle")


@contextmanager
def watching(server: ModelServer) -> Iterator[None]:
    """Have the event loop watched while the block runs, unless `watchdog_timeout` is 0."""
    settings = server.settings
    if not settings.watchdog_timeout:
        yield
        return
    log = settings.log_location / "ts_log.log" if settings.log_location else ""
    watchdog = Watchdog(server.loop_watch, settings.watchdog_timeout, settings.drain_timeout, str(log))
    server.loop_watch.on_busy = watchdog.start
    try:
        yield
    finally:
        server.loop_watch.on_busy = None
        watchdog.close()


class Watchdog:
    """Sends beats of the running event loop to an observing process while a version is busy; else no timer runs.

    The process is started by the first busy version. Times are in seconds: `timeout` is the longest stall, `drain` the
    longest one once a signal has asked the server to end. `log` is a file for the observer's last lines, or "".
    """

    def __init__(self, watch: LoopWatch, timeout: float, drain: float, log: str) -> None:
        self._watch, self._timeout, self._drain, self._log = watch, timeout, drain, log
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._observer: Observer | None = None
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<Watchdog {'idle' if self._timer is None else 'watching'}, {self._observer}>"

    def start(self, load_seconds: float | None) -> None:
        """Send a beat for a version that becomes busy; one that is to start workers has so long for it."""
        if self._observer is None and not self._is_closed:
            try:
                self._observer = Observer(self._drain, self._log)
            except Exception as error:  # no more processes: a server without its watchdog still serves
                LOG.warning("The watchdog cannot start: %s", error)
                self._is_closed = True
        if not self._is_closed:
            self._send(self._limit(load_seconds))
            self._beat_after(0)

    def close(self) -> None:
        """End the observing process."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._observer is not None:
            self._observer.close()

    def _beat_after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._beat)

    def _beat(self) -> None:
        self._timer = None
        self._watch.remove_idle()
        is_watching = bool(self._watch.versions)
        self._send(self._limit() if is_watching and not is_debugged() else None)
        if is_watching:
            self._beat_after(min(MAX_BEAT_SECONDS, self._timeout / 4))

    def _send(self, limit: float | None) -> None:
        assert self._observer is not None
        process = os.getpid()
        workers = {
            worker.spec.label: worker.thread_ids
            for version in self._watch.versions
            for worker in version.current_workers
            if worker.pid == process and worker.thread_ids is not None
        }
        self._observer.send({"limit": limit, "workers": workers})

    def _limit(self, load_seconds: float | None = None) -> float:
        """The time that a stall may last. A load has its whole time: some libraries are loaded under the lock."""
        loading = [version.startup_timeout for version in self._watch.versions if version.is_loading]
        if load_seconds is not None:
            loading.append(load_seconds)
        if loading:
            return max(loading) + GRACE_SECONDS
        return min(self._timeout, *(version.response_timeout + GRACE_SECONDS for version in self._watch.versions))


def is_debugged() -> bool:
    """Whether a debugger holds threads of this process, or may."""
    traces = sys.gettrace() or threading.gettrace()
    return traces is not None or any(name in sys.modules for name in DEBUGGERS)


class Observer:
    """The observing process, and this one's ends of its pipes."""

    def __init__(self, drain: float, log: str) -> None:
        with ExitStack() as opened:
            beats, self._beats = _pipe(opened)
            stacks, self._stacks = _pipe(opened)
            signals = _signal_pipe(asyncio.get_running_loop())
            arguments = [os.getpid(), beats, stacks, signals, drain, log]
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-S", observer.__file__, *map(str, arguments)], cwd="/", start_new_session=True,
                pass_fds=[each for each in (beats, stacks, signals) if each >= 0], stdin=subprocess.DEVNULL,
            )  # fmt: skip
            os.close(beats)
            os.close(stacks)
            opened.pop_all()
        os.set_blocking(self._beats, False)
        faulthandler.register(DUMP_SIGNAL, file=self._stacks, all_threads=True, chain=False)
        _exit_at(EXIT_SIGNAL)

    def __repr__(self) -> str:
        return f"<Observer {self._process.pid}>"

    def send(self, beat: object) -> None:
        """Send a beat; one that finds no space in the pipe is not needed, and without the process none is."""
        with suppress(OSError):
            os.write(self._beats, json.dumps(beat).encode() + b"\n")

    def close(self) -> None:
        """End the process, and leave the signals as they were."""
        faulthandler.unregister(DUMP_SIGNAL)
        signal.signal(EXIT_SIGNAL, signal.SIG_DFL)
        os.close(self._beats)
        os.close(self._stacks)
        self._process.kill()
        self._process.wait()


def _pipe(opened: ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        opened.callback(os.close, end)
    return ends


def _signal_pipe(loop: asyncio.AbstractEventLoop) -> int:
    """The descriptor into which this process's signals are written for its loop, -1 if it is for other news, too."""
    if not type(loop).__module__.startswith("uvloop") or threading.current_thread() is not threading.main_thread():
        return -1
    descriptor = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(descriptor)
    return descriptor


def _exit_at(number: int) -> None:
    """Have the C library end the process at a signal, with its number as the status: no thread has to run for that."""
    library = ctypes.CDLL(None)
    library.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    library.signal.restype = ctypes.c_void_p
    library.signal(number, ctypes.cast(library._exit, ctypes.c_void_p))  # noqa: SLF001
