"""The cheapest possible refusal: reads the head of a request, answers 503 with a constant, and drops the body.

`python -m tests.benchmarks.refuser PORT` closes the connection then, as TorchServe does with each error;
`--keep` keeps it open.
"""

import argparse
import re
import selectors
import socket

BODY = b'{"code": 503, "type": "ServiceUnavailableException", "message": "full"}'
HEAD = b"HTTP/1.1 503 Service Unavailable\r\nconnection: %b\r\ncontent-length: %d\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Refuser:
    """Serves all connections on one thread, with one buffer. Heads have to come in one piece."""

    def __init__(self, port: int, *, keep: bool) -> None:
        self._keep = keep
        self._answer = HEAD % (b"keep-alive" if keep else b"close", len(BODY)) + BODY
        self._remaining: dict[socket.socket, int] = {}  # bytes of a body that are still to come
        self._buffer = bytearray(256 << 10)
        self._listening = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._listening.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)

    def __repr__(self) -> str:
        return f"<Refuser with {len(self._remaining)} connections>"

    def run(self) -> None:
        """Refuse until a signal ends the process."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listening:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    self._read(key.fileobj)

    def _accept(self) -> None:
        connection, _ = self._listening.accept()
        connection.setblocking(False)
        self._remaining[connection] = 0
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> None:
        try:
            count = connection.recv_into(self._buffer)
            remaining = self._remaining[connection]
            if count and not remaining:
                remaining = self._size(count)
                connection.send(self._answer)
        except OSError:
            count = remaining = 0
        self._remaining[connection] = remaining - count
        if not count or (remaining == count and not self._keep):
            self._selector.unregister(connection)
            del self._remaining[connection]
            connection.close()

    def _size(self, count: int) -> int:
        """The bytes of a request, of which so many are in the buffer."""
        end = self._buffer.find(b"\r\n\r\n", 0, count) + 4
        declared = LENGTH.search(self._buffer, 0, end)
        return end + int(declared[1] if declared else 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--keep", action="store_true")
    chosen = parser.parse_args()
    Refuser(chosen.port, keep=chosen.keep).run()
