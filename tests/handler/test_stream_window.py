"""The thread that makes a stream waits for its reader."""

import threading

import pytest

from handler import stream_window
from handler.stream_window import MAX_UNREAD_BYTES, MAX_UNREAD_CHUNKS, StreamWindow


@pytest.mark.parametrize(("size", "count"), [(MAX_UNREAD_BYTES, 1), (MAX_UNREAD_BYTES // 4, 4), (0, MAX_UNREAD_CHUNKS)])
def test_so_many_chunks_or_bytes_may_be_unread(size: int, count: int) -> None:
    window = StreamWindow()
    for _ in range(count):
        assert window.wait(0)
        window.add(size)
    assert not window.wait(0)
    window.release(size)
    assert window.wait(0)


def test_a_waiting_thread_goes_on_when_a_chunk_is_read_or_nobody_reads() -> None:
    for go_on in (lambda window: window.release(MAX_UNREAD_BYTES), StreamWindow.close):
        window, results = StreamWindow(), []
        window.add(MAX_UNREAD_BYTES)
        thread = threading.Thread(target=lambda: results.append(window.wait(30)))  # noqa: B023
        thread.start()
        go_on(window)
        thread.join(30)
        assert results == [True]
    assert repr(window) == f"<StreamWindow 1 chunks, {MAX_UNREAD_BYTES} bytes unread, closed>"


def test_a_stream_that_nobody_reads_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_window, "STALLED_SECONDS", 0.0)
    window = StreamWindow()
    window.add(MAX_UNREAD_BYTES)
    assert not window.wait(0.001)
    assert window.is_closed
    assert window.wait(0)


def test_it_tells_when_it_is_open() -> None:
    window, calls = StreamWindow(), list[str]()
    window.call_when_open(lambda: calls.append("at once"))
    window.add(MAX_UNREAD_BYTES)
    window.call_when_open(lambda: calls.append("later"))
    assert (calls, window.unread_bytes) == (["at once"], MAX_UNREAD_BYTES)
    window.release(MAX_UNREAD_BYTES)
    assert calls == ["at once", "later"]
    window.release(0)
    assert calls == ["at once", "later"]
