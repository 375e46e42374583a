"""The first answer of a server: seconds, processor time, processes and memory from its start until then.

`python -m tests.benchmarks.first_answer http://127.0.0.1:8080/predictions/shout marserve serve shout` starts the
command three times in this folder, sends {"text": "hello"} until HELLO comes back, and prints the start with the least
processor time.
"""

import argparse
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic, sleep
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import Request, urlopen

from tests.benchmarks.machine import Tree

BODY, EXPECTED = b'{"text": "hello"}', b"HELLO"
TIMEOUT_SECONDS = 120.0


class FirstAnswer(NamedTuple):
    """The figures of one start; memory is in bytes, with shared pages divided among their processes."""

    cpu_seconds: float
    seconds: float
    processes: int
    memory: int

    def __str__(self) -> str:
        return (
            f"{self.cpu_seconds:.2f} s of processor time, {self.seconds:.2f} s, {self.processes} process(es),"
            f" {self.memory / 1e6:.0f} MB"
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url", help="where the text is to be sent")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the command that starts the server")
    parser.add_argument("--starts", type=int, default=3, help="3 by default")
    arguments = parser.parse_args(argv)
    print(min(first_answer(arguments.url, arguments.command) for _ in range(arguments.starts)))


def first_answer(url: str, command: Sequence[str]) -> FirstAnswer:
    """Start a server, ask it until it answers rightly, and end it with all that it has started."""
    if _answers(url):
        raise SystemExit(f"another server answers at {url}")
    started = monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )  # fmt: skip
    tree = Tree(process.pid)
    try:
        while not _answers(url):
            if process.poll() is not None or monotonic() - started > TIMEOUT_SECONDS:
                raise SystemExit(f"{command[0]} has not answered")
            sleep(0.01)
        seconds = monotonic() - started
        return FirstAnswer(tree.cpu(), seconds, len(tree.pids()), tree.memory())
    finally:
        for pid in tree.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def _answers(url: str) -> bool:
    request = Request(url, data=BODY, headers={"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=10) as response:
            return EXPECTED in response.read()
    except (URLError, OSError):
        return False


if __name__ == "__main__":
    main()
