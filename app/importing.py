"""The import of the server's own modules, without what makes it slow."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

NO_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


@contextmanager
def importing_modules() -> Iterator[None]:
    """Import modules that live as long as the process: the collector pauses, and pydantic searches for no plugins."""
    with _paused_collector(), _without_plugins():
        yield


@contextmanager
def _paused_collector() -> Iterator[None]:
    """It would go through all modules again and again, and find nothing: a tenth of the time of a start."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _without_plugins() -> Iterator[None]:
    """pydantic would read the metadata of all installed distributions: a third of the time of its import.

    Only for the classes that are made meanwhile: a handler's get their plugins.
    """
    before = os.environ.get(NO_PLUGINS)
    os.environ[NO_PLUGINS] = "__all__"
    try:
        yield
    finally:
        del os.environ[NO_PLUGINS]
        if before is not None:
            os.environ[NO_PLUGINS] = before
