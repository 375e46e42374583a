"""Messages between the server and the process of a worker: over a socket, with large bytes in shared memory."""

import os
import pickle
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pickle import PickleBuffer
from typing import Any, NoReturn

SHARED_MEMORY_BYTES = 1 << 17  # from which on shared memory is quicker than the socket
_HEAD = struct.Struct("!QI")


def out_of_band(value: bytes | bytearray | memoryview) -> bytes | bytearray | PickleBuffer:
    """A value for a message: large ones travel in shared memory, and arrive as bytes."""
    if len(value) >= SHARED_MEMORY_BYTES:
        return PickleBuffer(value)
    return bytes(value) if isinstance(value, memoryview) else value


class Channel:
    """One end of a pair; one thread may send while another receives.

    A message is made of None, numbers, strings, bytes, tuples, lists and dicts alone, so that reading one runs no code.
    Shared memory has no name, only a descriptor that goes with the message: it is gone with both processes, however
    they end, and no quota of /dev/shm applies.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def __repr__(self) -> str:
        return f"<Channel {self._end.fileno()}>"

    def __iter__(self) -> Iterator[Any]:
        """Yield messages until the other side has finished."""
        while True:
            try:
                message = self.receive()
            except EOFError:
                return
            yield message

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._end.fileno()

    def send(self, message: Any) -> None:
        """Write a message; blocks while the other side is busy, raises OSError once it is gone."""
        buffer, large = BytesIO(), list[PickleBuffer]()
        pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL, buffer_callback=large.append).dump(message)
        sizes = [value.raw().nbytes for value in large]
        head = _HEAD.pack(buffer.tell(), len(sizes)) + struct.pack(f"!{len(sizes)}Q", *sizes)
        if not large:
            sent = self._end.sendmsg([head, buffer.getbuffer()])
        else:
            with _memory(large) as descriptor:
                sent = socket.send_fds(self._end, [head, buffer.getbuffer()], [descriptor])
        if sent < len(head) + buffer.tell():
            self._end.sendall((head + buffer.getvalue())[sent:])

    def receive(self) -> Any:
        """Read a message; raises EOFError once the other side has finished, OSError or UnpicklingError."""
        head, descriptors, _, _ = socket.recv_fds(self._end, _HEAD.size, 1)
        try:
            size, count = _HEAD.unpack(head + self._read(_HEAD.size - len(head)))
            sizes = struct.unpack(f"!{count}Q", self._read(8 * count))
            return _Reader(BytesIO(self._read(size)), buffers=_values(sizes, descriptors)).load()
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def finish(self) -> None:
        """Send no more: the other side reads what there is, and then the end."""
        self._end.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Neither send nor receive any more; may be repeated."""
        self._end.close()

    def _read(self, size: int) -> bytearray:
        content = bytearray(size)
        view = memoryview(content)
        while view:
            count = self._end.recv_into(view)
            if not count:
                raise EOFError
            view = view[count:]
        return content


class _Reader(pickle.Unpickler):
    """Looks up no names."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"a message names {module}.{name}")


def _values(sizes: Iterable[int], descriptors: Sequence[int]) -> Iterator[bytes]:
    """The large values, which lie end to end."""
    start = 0
    for size in sizes:
        value = os.pread(descriptors[0], size, start)
        while len(value) < size:  # beyond 2 GiB it comes in parts
            more = os.pread(descriptors[0], size - len(value), start + len(value))
            if not more:
                raise EOFError
            value += more
        start += size
        yield value


@contextmanager
def _memory(values: Iterable[PickleBuffer]) -> Iterator[int]:
    """The descriptor of memory that holds the values; its receiver keeps it beyond the block."""
    if hasattr(os, "memfd_create"):
        memory: Any = os.fdopen(os.memfd_create("marserve"), "r+b", buffering=0)
    else:
        import tempfile  # elsewhere than on Linux it is a file, whose name is gone already

        memory = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (it is closed below)
    with memory as file:
        for value in values:
            view = value.raw()
            while view:
                view = view[file.write(view) :]
        yield file.fileno()
