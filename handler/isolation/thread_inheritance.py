"""The worker of a thread, which the threads started from it inherit."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, Generic, TypeVar, cast

from handler.isolation.once import once

T = TypeVar("T")


class InheritedValue(Generic[T]):
    """A value that a thread hands on to the threads it starts; None on all other threads."""

    def get(self) -> T | None:
        """The calling thread's value."""
        return cast("T | None", _local.values.get(self))


class _Local(threading.local):
    values: dict[InheritedValue[Any], Any] = {}  # noqa: RUF012 (never changed, only replaced)


_local = _Local()


def set_values(values: dict[InheritedValue[Any], Any]) -> None:
    """Give the calling thread its values."""
    _local.values = values


def add_value(key: InheritedValue[T], value: T) -> None:
    """Give the calling thread one value more."""
    _local.values = {**_local.values, key: value}


@contextmanager
def added(values: dict[InheritedValue[Any], Any]) -> Iterator[None]:
    """Add values to the calling thread's until the end of the block; threads started meanwhile keep them."""
    before, _local.values = _local.values, {**_local.values, **values}
    try:
        yield
    finally:
        _local.values = before


@contextmanager
def outside() -> Iterator[None]:
    """Let the calling thread act for the server: without values, until the end of the block."""
    before, _local.values = _local.values, {}
    try:
        yield
    finally:
        _local.values = before


@once
def install() -> None:
    """Make `Thread.start` hand on the values; executors start their threads so, too."""
    start = Thread.start

    def start_with_values(thread: Thread) -> None:
        if values := _local.values:
            _bequeath(thread, values)
        start(thread)

    setattr(Thread, "start", start_with_values)  # noqa: B010 (mypy forbids the plain assignment)


def _bequeath(thread: Thread, values: dict[InheritedValue[Any], Any]) -> None:
    run = thread.run

    def run_with_values() -> None:
        vars(thread).pop("run", None)  # it would keep the thread in a circle with itself
        set_values(values)
        run()

    setattr(thread, "run", run_with_values)  # noqa: B010
