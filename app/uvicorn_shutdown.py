"""The end of a process whose server is uvicorn's own, as in `uvicorn app:main`."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from types import FrameType

import uvicorn

from app.deadline import FINAL_SECONDS, Deadline

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def ending_with_uvicorn(deadline: Deadline) -> Iterator[None]:
    """While the block runs, have the signal that stops uvicorn start the deadline, and bound the time of connections.

    After the block the process ends with status 0: uvicorn would raise the signal again, which platforms take for a
    crash. Does nothing where uvicorn does not handle the signals of this process, or the project's own server does.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if type(server) is not uvicorn.Server:
        yield
        return
    if server.config.timeout_graceful_shutdown is None:
        server.config.timeout_graceful_shutdown = ceil(deadline.seconds)

    def stop(number: int, frame: FrameType | None) -> None:
        deadline.start_with_exit()
        server.handle_exit(number, frame)

    handlers = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if server.should_exit:
        deadline.exit_after(FINAL_SECONDS)
        server._captured_signals.clear()  # noqa: SLF001 - uvicorn has no option for it
