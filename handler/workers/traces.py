"""Tracebacks as those read them who wrote the handler."""

from traceback import format_exception

SERVER = ("handler.", "model_registry.", "app.")
"""How the names of the server's own modules begin."""


def own_traceback(error: BaseException) -> list[str]:
    """The lines of a traceback, without the frames of the server that come before the archive's own."""
    first = error.__traceback__
    while first is not None and str(first.tb_frame.f_globals.get("__name__")).startswith(SERVER):
        first = first.tb_next
    return "".join(format_exception(type(error), error, first)).splitlines()
