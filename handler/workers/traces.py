"""Tracebacks and causes of death, as those read them who wrote the handler."""

from contextlib import suppress
from signal import Signals
from traceback import format_exception

SIGNAL_STATUS = 128
"""Shells add it to the number of the signal that killed a process."""
SERVER = ("handler.", "model_registry.", "app.")
"""Prefixes of the server's own modules."""


def own_traceback(error: BaseException) -> list[str]:
    """The lines of a traceback, without the frames of the server that come before the archive's own."""
    first = error.__traceback__
    while first is not None and str(first.tb_frame.f_globals.get("__name__")).startswith(SERVER):
        first = first.tb_next
    return "".join(format_exception(type(error), error, first)).splitlines()


def cause_of(error: BaseException) -> str:
    """The reason why a worker has ended; statuses are as shells show them."""
    status = getattr(error, "status", None)
    if isinstance(status, int) and status > SIGNAL_STATUS:
        with suppress(ValueError):
            return f"killed by {Signals(status - SIGNAL_STATUS).name}"
    if isinstance(error, SystemExit):
        return f"its handler exited with status {error.code if status is None else status}"
    return f"its handler raised {type(error).__name__}"
