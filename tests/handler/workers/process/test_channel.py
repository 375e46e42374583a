"""Messages between two processes: what comes out is what went in, and reading runs nothing."""

import os
import pickle
import socket
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.workers.process.channel import SHARED_MEMORY_BYTES, Channel, out_of_band
from tests.support.footprint import open_files

Ends = tuple[Channel, Channel]
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda value: st.lists(value) | st.tuples(value, value) | st.dictionaries(st.text(), value),
)


@pytest.fixture
def ends() -> Iterator[Ends]:
    """The two ends of a channel."""
    ours, theirs = map(Channel, socket.socketpair())
    yield ours, theirs
    ours.close()
    theirs.close()


def through(ends: Ends, message: Any) -> Any:
    """The received message, sent by another thread: a large one waits for its reader."""
    sender = threading.Thread(target=ends[0].send, args=[message])
    sender.start()
    try:
        return ends[1].receive()
    finally:
        sender.join()


@settings(deadline=None)
@given(PLAIN)
def test_plain_values_arrive_as_they_were(message: Any) -> None:
    ours, theirs = map(Channel, socket.socketpair())
    assert through((ours, theirs), message) == message
    ours.close()
    theirs.close()


@pytest.mark.parametrize("size", [0, 1, SHARED_MEMORY_BYTES - 1, SHARED_MEMORY_BYTES, SHARED_MEMORY_BYTES + 1, 5 << 20])
def test_bytes_of_any_size_arrive_as_bytes(ends: Ends, size: int) -> None:
    value = os.urandom(size)
    arrived = through(ends, [out_of_band(value), "between", out_of_band(value[::-1])])
    assert arrived == [value, "between", value[::-1]]
    assert {type(arrived[0]), type(arrived[2])} == {bytes}


def test_much_that_is_small_arrives_though_no_socket_holds_it_at_once(ends: Ends) -> None:
    message = [bytes([number]) * 60_000 for number in range(100)]
    assert through(ends, message) == message


def test_messages_end_when_the_other_side_has_finished(ends: Ends) -> None:
    ends[0].send("last")
    ends[0].finish()
    assert list(ends[1]) == ["last"]
    ends[1].send("the other way is open")
    assert ends[0].receive() == "the other way is open"


def test_a_message_that_breaks_off_is_the_end(ends: Ends) -> None:
    with socket.socket(fileno=os.dup(ends[0].fileno())) as raw:
        raw.sendall(b"\0\0\0")
    ends[0].close()
    with pytest.raises(EOFError):
        ends[1].receive()


def test_nothing_is_sent_to_a_side_that_has_gone(ends: Ends) -> None:
    ends[1].close()
    with pytest.raises(OSError, match="Broken pipe"):
        ends[0].send("anybody?")


def test_a_message_that_names_a_class_is_refused(ends: Ends) -> None:
    ends[0].send(Fraction(1, 2))
    with pytest.raises(pickle.UnpicklingError, match=r"fractions\.Fraction"):
        ends[1].receive()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not show descriptors")
def test_shared_memory_is_gone_once_it_was_read(ends: Ends) -> None:
    before = len(open_files())
    for _ in range(20):
        through(ends, out_of_band(bytes(SHARED_MEMORY_BYTES)))
    assert len(open_files()) == before
