"""Changes to the process that are made once, however many workers ask for them."""

from collections.abc import Callable
from functools import wraps
from threading import Lock


def once(change: Callable[[], None]) -> Callable[[], None]:
    """Make a function do its work at the first call only; a call from a second thread waits until it is done."""
    lock = Lock()
    done = False

    @wraps(change)
    def changed() -> None:
        nonlocal done
        with lock:
            if not done:
                change()
                done = True

    return changed
