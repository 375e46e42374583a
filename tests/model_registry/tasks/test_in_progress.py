"""Blocks of code whose end another thread waits for."""

import threading

from model_registry.tasks.in_progress import InProgress


def test_the_end_of_all_blocks_is_waited_for() -> None:
    blocks, within, go_on = InProgress(), threading.Barrier(3), threading.Event()

    def work() -> None:
        with blocks:
            within.wait(30)
            go_on.wait(30)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    within.wait(30)
    assert repr(blocks) == "<InProgress 2>"
    assert not blocks.wait(0)
    go_on.set()
    assert blocks.wait(30)
    for thread in threads:
        thread.join()
