"""Keeps the server's log off the terminal."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

STDOUT = 1


@contextmanager
def silence() -> Iterator[TextIO]:
    """Let what is written to stdout until the end of the block go nowhere; yields the way to where it went before."""
    with os.fdopen(os.dup(STDOUT), "w", buffering=1) as terminal, Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), STDOUT)
        try:
            yield terminal
        finally:
            os.dup2(terminal.fileno(), STDOUT)
