"""Blocks of code that are being executed, and whose end another thread can wait for."""

from threading import Condition


class InProgress:
    """Counts the threads that are within its block."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = Condition()

    def __repr__(self) -> str:
        return f"<InProgress {self._count}>"

    def __enter__(self) -> None:
        with self._changed:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Block until no thread is within; false if some still are after `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, seconds)
