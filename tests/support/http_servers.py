"""Small HTTP servers on threads of the test, each of which responds in one way."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Respond = Callable[[BaseHTTPRequestHandler, bytes], None]
"""Responds to one request, whose body has been read."""


@contextmanager
def listening(respond: Respond) -> Iterator[str]:
    """A server while the block runs; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline()
            if self.raw_requestline and self.parse_request():
                respond(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    with serving_on_a_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as address:
        yield address


@contextmanager
def serving_on_a_thread(server: ThreadingHTTPServer) -> Iterator[str]:
    """Serve while the block runs, then close; gives the address."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def answering(value: Any, status: int = 200, **headers: str) -> Respond:
    """Answer JSON."""

    def respond(request: BaseHTTPRequestHandler, body: bytes) -> None:
        text = json.dumps(value).encode()
        request.send_response(status)
        for name, content in {**headers, "Content-Length": str(len(text))}.items():
            request.send_header(name.replace("_", "-"), content)
        request.end_headers()
        request.wfile.write(text)

    return respond


def chunked(*pieces: bytes) -> Respond:
    """Answer a stream."""

    def respond(request: BaseHTTPRequestHandler, body: bytes) -> None:
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        for piece in (*pieces, b""):
            request.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    return respond


def hang_up(request: BaseHTTPRequestHandler, body: bytes) -> None:
    """Close without a response."""


def unused_address() -> str:
    """An address that refuses connections."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"
