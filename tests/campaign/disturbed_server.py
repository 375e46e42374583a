"""`marserve serve` in a process with disturbances: `python -m tests.campaign.disturbed_server KIND serve ...`.

With `clock` the time of day jumps by days in both directions. With `faults` steps between the parser and the socket
fail now and then while the file "faulty" is in the working folder. With `disk` no file grows beyond 64 kB.
"""

import inspect
import itertools
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from random import Random
from typing import Any

from app.cli import main
from tests.system.test_fault_injection import STEPS

MAX_FILE_BYTES = 1 << 16
DAY_SECONDS = 86400.0
FAULT_RATE = 500
"""One of so many calls of a step fails."""


def let_clock_jump() -> None:
    """Have the time of day jump at every hundredth look at it."""
    original, counter, random = time.time, itertools.count(), Random(1)
    offset = [0.0]

    def jumping() -> float:
        if next(counter) % 100 == 0:
            offset[0] = random.uniform(-3, 3) * DAY_SECONDS
        return original() + offset[0]

    time.time = jumping
    time.time_ns = lambda: int(jumping() * 1e9)


def inject_faults() -> None:
    """Have the steps fail, before or after their work."""
    random = Random(2)
    switch = Path.cwd() / "faulty"
    for step in STEPS:
        module, _, path = step.partition(":")
        *owner, name = path.split(".")
        target = resolve_name(f"{module}:{'.'.join(owner)}") if owner else resolve_name(module)
        is_static = isinstance(inspect.getattr_static(target, name), staticmethod)
        wrapped = failing(getattr(target, name), random, switch)
        setattr(target, name, staticmethod(wrapped) if is_static else wrapped)


def failing(original: Callable[..., Any], random: Random, switch: Path) -> Callable[..., Any]:
    """The function, which fails now and then while the file is there."""

    def call(*arguments: Any, **options: Any) -> Any:
        if random.randrange(FAULT_RATE) or not switch.exists():
            return original(*arguments, **options)
        print(time.strftime("%H:%M:%S"), "injected", original.__qualname__, flush=True)
        if random.randrange(2):
            original(*arguments, **options)
        raise random.choice((MemoryError, RuntimeError, OSError))("injected")

    return call


def limit_files() -> None:
    """Have writes beyond MAX_FILE_BYTES fail as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))


DISTURBANCES = {"clock": let_clock_jump, "faults": inject_faults, "disk": limit_files}

if __name__ == "__main__":
    DISTURBANCES[sys.argv.pop(1)]()
    sys.exit(main())
