"""Threads inherit the worker of the thread that started them."""

from concurrent.futures import ThreadPoolExecutor
from threading import Thread

from handler.isolation import thread_inheritance
from handler.isolation.thread_inheritance import InheritedValue, outside, set_values

NAME: InheritedValue[str] = InheritedValue()
thread_inheritance.install()


def started_by(name: str) -> list[str | None]:
    """The names that a thread called `name`, a thread of it and an executor of it have."""
    found: list[str | None] = []

    def grandchild() -> None:
        found.append(NAME.get())

    def child() -> None:
        set_values({NAME: name})
        grandchild()
        inner = Thread(target=grandchild)
        inner.start()
        inner.join()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(grandchild).result()
        with outside():
            grandchild()
        grandchild()

    thread = Thread(target=child)
    thread.start()
    thread.join()
    return found


def test_threads_and_executors_inherit_the_values_of_who_starts_them() -> None:
    assert started_by("a") == ["a", "a", "a", None, "a"]
    assert started_by("b") == ["b", "b", "b", None, "b"]
    assert NAME.get() is None


def test_a_thread_that_overrides_run_inherits_too() -> None:
    found: list[str | None] = []

    class Finder(Thread):
        def run(self) -> None:
            found.append(NAME.get())

    def parent() -> None:
        set_values({NAME: "parent"})
        finder = Finder()
        finder.start()
        finder.join()
        assert "run" not in vars(finder)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(parent).result()
    assert found == ["parent"]
