"""Calls that end a process, and here must end a worker only."""

import os
from collections.abc import Callable
from threading import get_ident
from typing import NoReturn

from handler.isolation.once import once
from handler.isolation.thread_inheritance import InheritedValue, outside


class WorkerExit(SystemExit):
    """Archive code called `os._exit`; as a SystemExit it passes through event loops of the archive's own."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ExitTrap:
    """Notices the exit of one worker."""

    def __init__(self, on_exit: Callable[[int], None]) -> None:
        self.status: int | None = None
        """The first status with which its code called `os._exit`."""
        self.thread = 0
        """The identifier of the worker's own thread."""
        self._on_exit = on_exit
        self._process = os.getpid()

    def __repr__(self) -> str:
        return f"<ExitTrap {'none' if self.status is None else self.status}>"

    @property
    def applies(self) -> bool:
        """False in a process that the archive's code forked, which may end as it likes."""
        return os.getpid() == self._process

    def end_worker(self, status: int) -> NoReturn:
        """End the worker: by an exception on its own thread, by `on_exit` from another, which ends itself."""
        if self.status is None:
            self.status = status
        if get_ident() == self.thread:
            raise WorkerExit(status)
        with outside():
            self._on_exit(status)
        raise SystemExit(status)  # of this very class, which alone ends a thread without a traceback


EXIT_TRAP: InheritedValue[ExitTrap] = InheritedValue()


@once
def install() -> None:
    """Make `os._exit` end a worker where a worker's code calls it."""
    original = os._exit

    def exit_worker(status: int) -> NoReturn:
        trap = EXIT_TRAP.get()
        if trap is not None and trap.applies:
            trap.end_worker(status)
        original(status)

    os._exit = exit_worker
