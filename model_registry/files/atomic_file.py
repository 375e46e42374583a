"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from model_registry.files.ownership import make_part_file


@contextmanager
def atomic_file(target: Path, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """A new file beside `target` that takes its place when the block ends, and is deleted if the block raises.

    `mode` is subject to the umask. Raises OSError.
    """
    part, descriptor = make_part_file(target.parent, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
