"""`atexit` of an archive's code: its process is its worker, at whose end the functions are called."""

import atexit
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import Any

from handler.isolation.calling_archive import directly_calling_archive
from handler.isolation.once import once
from handler.isolation.process.output_capture import WriteLine
from handler.isolation.thread_inheritance import InheritedValue

Callback = Callable[..., object]


class ExitCallbacks:
    """Those of one worker. The server's own exit calls none of them, and keeps nothing of a closed archive."""

    def __init__(self, write_line: WriteLine) -> None:
        self._write_line = write_line
        self._lock = Lock()
        self._callbacks: list[tuple[Callback, tuple[Any, ...], dict[str, Any]]] = []

    def __repr__(self) -> str:
        return f"<ExitCallbacks {len(self._callbacks)}>"

    def add(self, function: Callback, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Call it at the worker's end."""
        with self._lock:
            self._callbacks.append((function, arguments, named))

    def remove(self, function: Callback) -> None:
        """Call it no more."""
        with self._lock:
            self._callbacks = [each for each in self._callbacks if each[0] != function]

    def run(self) -> None:
        """Call and forget them, the last one first; the model's log gets what they raise."""
        while self._callbacks:
            function, arguments, named = self._callbacks.pop()
            try:
                function(*arguments, **named)
            except BaseException as error:
                self._write_line("stderr", f"A function of atexit failed: {type(error).__name__}: {error}")


EXIT_CALLBACKS: InheritedValue[ExitCallbacks] = InheritedValue()


@once
def install() -> None:
    """Keep what archives' own code registers with the worker; libraries register once for the process."""
    register: Any = atexit.register
    unregister: Any = atexit.unregister

    @wraps(register)
    def register_with_worker(func: Callback, /, *arguments: Any, **named: Any) -> Callback:
        callbacks = EXIT_CALLBACKS.get()
        if callbacks is None or directly_calling_archive() is None or not callable(func):
            register(func, *arguments, **named)
        else:
            callbacks.add(func, arguments, named)
        return func

    @wraps(unregister)
    def unregister_with_worker(func: Callback, /) -> None:
        callbacks = EXIT_CALLBACKS.get()
        if callbacks is not None:
            callbacks.remove(func)
        unregister(func)

    vars(atexit).update(register=register_with_worker, unregister=unregister_with_worker)
