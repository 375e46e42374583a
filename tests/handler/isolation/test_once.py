"""Changes that are made once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from handler.isolation.once import once


def test_a_change_is_made_at_the_first_call_only() -> None:
    calls: list[int] = []
    change = once(lambda: calls.append(1))
    change()
    change()
    assert calls == [1]


def test_a_second_thread_returns_when_the_change_is_made() -> None:
    started, go, done = threading.Event(), threading.Event(), threading.Event()

    @once
    def change() -> None:
        started.set()
        go.wait()
        done.set()

    def second() -> bool:
        change()
        return done.is_set()

    with ThreadPoolExecutor(2) as threads:
        threads.submit(change)
        started.wait()
        later = threads.submit(second)
        go.set()
        assert later.result()


def test_a_change_that_fails_is_tried_again() -> None:
    outcomes = [ValueError("not yet"), None]

    @once
    def change() -> None:
        if error := outcomes.pop(0):
            raise error

    with pytest.raises(ValueError, match="not yet"):
        change()
    change()
    assert not outcomes
