"""The process of one worker as the server sees it: started, listened to, killed."""

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from handler.channel import Channel
from handler.output import LINE_END, Say

LOG = logging.getLogger("marserve.processes")
GRACE = 3.0
"""Seconds that a process gets to end by itself."""
_PROGRAM = "import sys; sys.path[:] = {path!r}; from handler.child import main; main({descriptor})"


class ChildProcess:
    """A Python process that runs `handler.child` in the folder, as the leader of a process group of its own.

    It knows nothing of the server but its `sys.path` and what comes over the channel: the server's main module is not
    run again in it. Whoever starts it has to `listen`, since that is also what reaps it.
    """

    # Not by multiprocessing: its children run the server's main module again, whatever that imports, its resource
    # tracker is one process more, and what a handler forks would keep its sentinels open.

    def __init__(self, folder: Path, environ: Mapping[str, str], say: Say) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            path = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100 (strings, "" among them)
            program = _PROGRAM.format(path=path, descriptor=theirs.fileno())
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", program], cwd=folder, env=environ, pass_fds=[theirs.fileno()], process_group=0,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        self.pid = self._process.pid
        self.channel = Channel(ours)
        self._pipes = [
            _Pipe("stdout", cast("BinaryIO", self._process.stdout), say),
            _Pipe("stderr", cast("BinaryIO", self._process.stderr), say),
        ]

    def __repr__(self) -> str:
        return f"<ChildProcess {self.pid}>"

    def listen(self, take: Callable[[Any], None]) -> int:
        """Say the lines and take the messages that come until the process ends; returns its exit status.

        As shells tell it, that is 128 more than the number of the signal that killed it.
        """
        with selectors.DefaultSelector() as selector:
            for pipe in self._pipes:
                selector.register(pipe, selectors.EVENT_READ, pipe)
            selector.register(self.channel, selectors.EVENT_READ)
            self._hear_all(selector, take)
        status = self._reap()
        for pipe in self._pipes:
            pipe.close()
        self.channel.close()
        return status if status >= 0 else 128 - status

    def kill(self) -> None:
        """End it and all that it has started, whatever they do; harmless once it has ended."""
        if self._process.returncode is None:
            self._kill_group()

    def _hear_all(self, selector: selectors.BaseSelector, take: Callable[[Any], None]) -> None:
        try:
            while True:
                self._hear(selector, take)
        except (EOFError, ConnectionError):
            pass
        except Exception:
            LOG.exception("What process %d sends makes no sense; it is killed.", self.pid)
            self.kill()

    def _hear(self, selector: selectors.BaseSelector, take: Callable[[Any], None]) -> None:
        """What was printed before a message is said before it is taken."""
        ready = [key.data for key, _ in selector.select()]
        for pipe in filter(None, ready):
            if not pipe.read():
                selector.unregister(pipe)
        if None in ready:
            take(self.channel.receive())

    def _reap(self) -> int:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        self._kill_group()
        return self._process.wait()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


class _Pipe:
    """One of the two streams that the process writes to."""

    def __init__(self, name: str, file: BinaryIO, say: Say) -> None:
        self._name = name
        self._file = file
        self._say = say
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._begun = ""
        os.set_blocking(file.fileno(), False)

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._file.fileno()

    def read(self) -> bool:
        """Say the lines that have come; false at the end, or where nothing has come."""
        try:
            content = os.read(self._file.fileno(), 1 << 16)
        except BlockingIOError:
            return False
        text = self._begun + self._decoder.decode(content)
        whole = len(text) - text.endswith("\r")  # its line feed may follow
        *lines, rest = LINE_END.split(text[:whole])
        self._begun = rest + text[whole:]
        for line in lines:
            self._say(self._name, line)
        return bool(content)

    def close(self) -> None:
        """Say what is left; what a process that goes on writes is lost."""
        while self.read():
            pass
        if self._begun:
            self._say(self._name, self._begun)
        self._file.close()
