"""The program of the observing process: `python -I -S observer.py PID BEATS STACKS SIGNALS DRAIN LOG`.

It reads the beats of a server's event loop, JSON objects, one a line: {"limit": seconds or null, "workers": {"label":
[thread identifier, native identifier]}}. With a null limit nothing wakes this program before the next beat. Otherwise
it counts its own ticks without one: a clock that jumps, a machine that slept, a container that was paused, a process
that was stopped or is debugged are no stalls. It knows the standard library only, and imports little of it.
"""

import fcntl
import json
import os
import re
import select
import signal
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

DUMP_SIGNAL = getattr(signal, "SIGRTMAX", signal.SIGUSR2 + 2) - 2
"""Has the server's faulthandler write the stacks of all threads."""
EXIT_SIGNAL = getattr(signal, "SIGRTMAX", signal.SIGXCPU + 1) - 1
"""Has the server call `_exit` with its number as the status: 63 on Linux, 24 on macOS."""
MAX_TICK_SECONDS = 1.0
STACKS_SECONDS = 2.0
EXIT_SECONDS = 3.0
PIPE_BYTES = 1 << 16
STACK = re.compile(r"^(?:Current t|T)hread (0x[0-9a-f]+)[^\n]*\n((?:  .*\n?)*)", re.MULTILINE)
WAITING = re.compile(r'  File "[^"]*threading\.py", line \d+ in (?:wait|_wait_for_tstate_lock)\b')


class Beat(NamedTuple):
    """The last message of the event loop."""

    limit: float | None
    workers: dict[str, tuple[int, int]]


def parse_beat(line: bytes) -> Beat:
    """A line of the pipe."""
    message = json.loads(line)
    return Beat(message["limit"], message["workers"])


class Beats:
    """The reading end of the loop's pipe, and the process behind it."""

    def __init__(self, server: int, descriptor: int) -> None:
        self._server, self._descriptor = server, descriptor
        os.set_blocking(descriptor, False)
        self._partial = b""
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._end = -1
        with suppress(AttributeError, OSError):  # macOS, old kernels: there the pipe's end has to do
            self._end = os.pidfd_open(server)
            self._poll.register(self._end, select.POLLIN)

    def __repr__(self) -> str:
        return f"<Beats of {self._server}>"

    def wait(self, seconds: float | None) -> Beat | None:
        """The next message, None if none comes in time; raises EOFError when the server has ended."""
        ready = dict(self._poll.poll(None if seconds is None else seconds * 1000))
        if self._end in ready:
            raise EOFError
        if not ready:
            return None
        content = os.read(self._descriptor, PIPE_BYTES)
        if not content:
            raise EOFError
        *lines, self._partial = (self._partial + content).split(b"\n")
        return parse_beat(lines[-1]) if lines else None


def observe(server: int, beats: Beats, has_signal: "SignalPipe", end: "ServerEnd") -> None:
    """Watch until the server has ended, or end it."""
    beat, silent_seconds = Beat(None, {}), 0.0
    while True:
        tick = None if beat.limit is None else min(MAX_TICK_SECONDS, beat.limit / 4)
        received = beats.wait(tick)
        if received is not None:
            beat, silent_seconds = received, 0.0
        elif tick is not None and beat.limit is not None and not is_suspended(server):
            silent_seconds += tick
            limit = min(beat.limit, has_signal.limit) if has_signal.is_pending() else beat.limit
            if silent_seconds >= limit:
                end.report(beat, silent_seconds, is_stopping=limit < beat.limit)
                if beats.wait(0) is None:
                    end.kill()
                    return
                end.withdraw()
                beat, silent_seconds = Beat(beat.limit, beat.workers), 0.0


def is_suspended(process: int) -> bool:
    """Whether a process was stopped (SIGSTOP) or is traced by a debugger."""
    try:
        with open(f"/proc/{process}/status", encoding="utf-8") as file:  # noqa: PTH123 (pathlib costs memory)
            fields = {name: value.strip() for name, _, value in (line.partition(":") for line in file)}
    except OSError:
        return False
    return fields.get("State", "R")[0] in "Tt" or fields.get("TracerPid", "0") != "0"


class SignalPipe:
    """The pipe into which Python writes each signal at once, while the loop that reads it may stand still.

    `limit` is the time, in seconds, that a server takes to end.
    """

    def __init__(self, descriptor: int, limit: float) -> None:
        self._descriptor, self.limit = descriptor, limit

    def __repr__(self) -> str:
        return f"<SignalPipe {self._descriptor}>"

    def is_pending(self) -> bool:
        """Whether a signal waits for the loop."""
        if self._descriptor < 0:
            return False
        with suppress(OSError):
            unread = fcntl.ioctl(self._descriptor, termios.TIOCOUTQ, bytes(4))
            return any(unread)
        return False


class ServerEnd:
    """Reports a stall to the console and the log file, and ends the server. `stacks` is what faulthandler writes to."""

    def __init__(self, server: int, stacks: int, log: str) -> None:
        self._server, self._stacks, self._log = server, stacks, log
        os.set_blocking(stacks, False)

    def __repr__(self) -> str:
        return f"<ServerEnd of {self._server}>"

    def report(self, beat: Beat, seconds: float, *, is_stopping: bool) -> None:
        """Say how long the loop has stood still, and name the workers that may hold the lock, with their stacks."""
        stacks = parse_stacks(self._dump())
        labels = suspects(self._server, beat, stacks)
        names = " or ".join(labels) or "a thread that belongs to no worker"
        reason = " though a signal asks it to end" if is_stopping else ""
        self._write(
            f"The event loop has stood still for {seconds:.0f} s{reason}: {names} holds the interpreter's lock."
        )
        for label in labels:
            self._write(f"Stack of {label}, most recent call first:\n{stacks[beat.workers[label][0]].rstrip()}")
        main = stacks.get(next(iter(stacks), 0), "") if not labels else ""
        if main:
            self._write(f"Stack of the first thread, most recent call first:\n{main.rstrip()}")
        self._write(
            f"The watchdog ends the server with status {int(EXIT_SIGNAL)}. With `isolation: process` in its "
            "model-config.yaml a model has workers with locks of their own."
        )

    def withdraw(self) -> None:
        """Say that the loop goes on."""
        self._write("The event loop goes on: the server is not ended.")

    def kill(self) -> None:
        """End the server, from inside where it still listens to signals; a container's first process ignores others."""
        for number in (EXIT_SIGNAL, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.kill(self._server, number)
            if _ends(self._server):
                return

    def _dump(self) -> str:
        with suppress(ProcessLookupError):
            os.kill(self._server, DUMP_SIGNAL)
        content, deadline = b"", time.monotonic() + STACKS_SECONDS
        poll = select.poll()
        poll.register(self._stacks, select.POLLIN)
        while time.monotonic() < deadline and poll.poll(STACKS_SECONDS * 1000 if not content else 200):
            content += os.read(self._stacks, PIPE_BYTES)
        return content.decode("utf-8", "replace")

    def _write(self, text: str) -> None:
        now = f"{time.strftime('%Y-%m-%dT%H:%M:%S')},{time.time_ns() // 1_000_000 % 1000:03d}"
        line = f"{now} [ERROR] watchdog marserve.watchdog - {text}\n".encode()
        with suppress(OSError):
            os.write(2, line)
        with suppress(OSError):
            if self._log:
                with open(self._log, "ab") as file:  # noqa: PTH123
                    file.write(line)


def parse_stacks(dump: str) -> dict[int, str]:
    """The stacks that faulthandler wrote, by the identifiers of their threads."""
    return {int(match[1], 16): match[2] for match in STACK.finditer(dump)}


def suspects(server: int, beat: Beat, stacks: dict[int, str]) -> list[str]:
    """The workers that may hold the lock: those that run, else those whose code waits for no other thread."""
    active = [
        label
        for label, (identifier, _) in beat.workers.items()
        if identifier in stacks and not WAITING.match(stacks[identifier])
    ]
    running = [label for label in active if _runs(server, beat.workers[label][1])]
    return running or active


def _runs(process: int, thread: int) -> bool:
    """Whether a thread of a process has the processor now, or waits for it."""
    return _state(f"/proc/{process}/task/{thread}/stat") == "R"


def _state(path: str) -> str:
    """The state in a file of /proc; "" where there is none."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def _ends(process: int) -> bool:
    """Whether a process ends soon; one that has ended and is not waited for has."""
    for _ in range(int(EXIT_SECONDS / 0.05)):
        try:
            os.kill(process, 0)
        except OSError:
            return True
        if _state(f"/proc/{process}/stat") in ("Z", "X"):
            return True
        time.sleep(0.05)
    return False


def _arguments() -> Iterator[int]:
    yield from map(int, sys.argv[1:5])


def main() -> None:
    """Observe the server that the arguments name."""
    server, beats, stacks, signals = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with its server
    with suppress(EOFError):
        end = ServerEnd(server, stacks, sys.argv[6])
        observe(server, Beats(server, beats), SignalPipe(signals, float(sys.argv[5])), end)


if __name__ == "__main__":
    main()
