"""The process of one worker as the server sees it: started, listened to, killed."""

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Any, BinaryIO, cast

from handler.isolation.process.output_capture import WriteLine
from handler.workers.process.channel import Channel
from handler.workers.process.pipe import Pipe

LOG = logging.getLogger("marserve.processes")
EXIT_SECONDS = 3.0  # that a process gets to end by itself
_NAMES = ("stdout", "stderr")
_ROOT = str(Path(__file__).parents[3])
_PROGRAM = """
import sys
sys.path[:] = {path!r}
sys.path.insert(0, {root!r})  # any folder before it might hold a handler.py
import handler
del sys.path[0]
from handler.workers.process.child import main
main({descriptors!r})
"""


class ChildProcess:
    """A Python process that runs the module `child` in the folder, as the leader of a process group of its own.

    `channel` is for requests and answers. What the process prints goes to `write_line`, its unrequested messages to
    `on_message`, and its exit status to `on_end`, on a thread that lives as long as the process. It ends with the
    thread that has made it.
    """

    # Not made by multiprocessing: its children run the server's main module again, whatever that imports, its resource
    # tracker is one process more, and whatever a handler forks keeps its sentinels open.

    def __init__(
        self, folder: Path, environ: Mapping[str, str], write_line: WriteLine,
        on_message: Callable[[Any], None], on_end: Callable[[int], None],
    ) -> None:  # fmt: skip
        with ExitStack() as child_ends, ExitStack() as own_ends:
            pairs = [socket.socketpair(), socket.socketpair()]
            self.channel, self._messages = (Channel(own_ends.enter_context(pair[0])) for pair in pairs)
            descriptors = [child_ends.enter_context(pair[1]).fileno() for pair in pairs]
            self._process = _start(folder, environ, descriptors)
            own_ends.pop_all()  # it has started
        self.pid = self._process.pid
        self._on_message = on_message
        self._on_end = on_end
        streams = (self._process.stdout, self._process.stderr)
        self._pipes = [
            Pipe(name, cast("BinaryIO", file), write_line) for name, file in zip(_NAMES, streams, strict=True)
        ]
        self._reading = Lock()
        self._status = 1
        self._listener = Thread(target=self._listen, name=f"listener of {self.pid}", daemon=True)
        try:
            self._listener.start()
        except RuntimeError:  # the system has no more threads
            self._kill_group()
            raise

    def __repr__(self) -> str:
        return f"<ChildProcess {self.pid}>"

    def write_printed(self) -> None:
        """Write the lines that it has printed up to now."""
        with self._reading:
            for pipe in self._pipes:
                pipe.read()

    def kill(self) -> None:
        """End it and all that it has started, whatever they do; harmless once it has ended."""
        if self._process.returncode is None:
            self._kill_group()

    def finish(self) -> None:
        """Let it end once it has done what it was asked."""
        with suppress(OSError):
            self.channel.finish()

    def close(self) -> int:
        """Let it end by itself, but not for long; returns its exit status.

        As in shells, that of a killed process is 128 more than the number of the signal.
        """
        self.finish()
        self._listener.join(EXIT_SECONDS)
        self.kill()
        self._listener.join(EXIT_SECONDS)
        self.channel.close()
        return self._status

    def _listen(self) -> None:
        try:
            self._receive_all()
        except (EOFError, ConnectionError):
            pass
        except Exception:
            LOG.exception("Messages of process %d make no sense; it is killed.", self.pid)
            self._kill_group()
        status = self._reap()
        self._status = status if status >= 0 else 128 - status
        self._on_end(self._status)

    def _receive_all(self) -> None:
        with selectors.DefaultSelector() as selector:
            sources: list[Channel | Pipe] = [self._messages, *self._pipes]
            for source in sources:
                selector.register(source, selectors.EVENT_READ)
            while True:
                self._receive_some(selector)

    def _receive_some(self, selector: selectors.BaseSelector) -> None:
        ready = [key.fileobj for key, _ in selector.select()]
        for pipe in ready:
            if isinstance(pipe, Pipe):
                with self._reading:
                    if not pipe.read():
                        selector.unregister(pipe)
        if self._messages in ready:
            self._on_message(self._messages.receive())

    def _reap(self) -> int:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(EXIT_SECONDS)
        self._kill_group()
        status = self._process.wait()
        with self._reading:
            for pipe in self._pipes:
                pipe.close()
        self._messages.close()
        return status

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.kill()  # it may have left its group


def _start(folder: Path, environ: Mapping[str, str], descriptors: Sequence[int]) -> "subprocess.Popen[bytes]":
    path = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100 (strings, "" among them)
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _PROGRAM.format(path=path, root=_ROOT, descriptors=descriptors)],
        cwd=folder, env=environ, pass_fds=descriptors, process_group=0,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
