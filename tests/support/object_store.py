"""A small S3 on loopback: objects in memory, conditions, ranges, listings, and faults that a test asks for."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

PAGE = (
    '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated><Name>{bucket}</Name>'
    "<Prefix>{prefix}</Prefix>{entries}</ListBucketResult>"
)
ENTRY = (
    "<Contents><Key>{key}</Key><LastModified>{written}</LastModified><ETag>{tag}</ETag><Size>{size}</Size></Contents>"
)


@dataclass(frozen=True)
class Request:
    """One request that was answered."""

    method: str
    path: str
    headers: dict[str, str]
    status: int


@dataclass
class ObjectStoreServer:
    """The objects by "/bucket/key", what was asked, and the faults of the next requests."""

    address: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    """When objects were written by requests."""
    requests: list[Request] = field(default_factory=list)
    failures: int = 0
    """Answers with 503 that are still to come."""
    cuts: list[int] = field(default_factory=list)
    """Bytes after which each of the next downloads is cut."""
    is_down: bool = False
    """Whether connections are closed without an answer."""
    pause: threading.Event | None = None
    """Downloads wait for it after half of their bytes."""
    replaces: list[bytes] = field(default_factory=list)
    """Contents that an object gets right after it was asked for its head."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, method: str, status: int = 200) -> int:
        """The number of requests of a method that were answered with that status."""
        return sum(each.method == method and each.status == status for each in self.requests)


def tag_of(content: bytes) -> str:
    """The etag of a content, as S3 makes it."""
    return f'"{hashlib.md5(content).hexdigest()}"'  # as S3 does


@contextmanager
def object_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStoreServer]:
    """A server while the block runs, to which the environment's credentials and endpoint lead."""
    state = ObjectStoreServer()

    class Handler(_Handler):
        server_state = state

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        state.address = f"http://127.0.0.1:{server.server_port}"
        variables = {
            "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": state.address,
        }  # fmt: skip
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield state
        finally:
            if state.pause is not None:
                state.pause.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: ObjectStoreServer

    def log_message(self, *_: Any) -> None:
        """Log nothing."""

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        state = self.server_state
        with state.lock:
            if state.is_down:
                self.close_connection = True
                return
            if state.failures:
                state.failures -= 1
                self._answer(503, b"<Error><Code>SlowDown</Code></Error>")
                return
        path = unquote(urlsplit(self.path).path)
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if self.command == "PUT":
            self._put(path, body)
        elif self.command == "POST":  # of several objects to delete
            keys = re.findall("<Key>(.*?)</Key>", body.decode())
            for key in keys:
                state.objects.pop(f"/{path.strip('/')}/{key}", None)
            deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
            self._answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())
        elif "list-type" in query:
            self._list(path, query)
        else:
            self._get(path)

    def _put(self, path: str, body: bytes) -> None:
        state = self.server_state
        with state.lock:
            old = state.objects.get(path)
            wanted, unwanted = self.headers.get("If-Match"), self.headers.get("If-None-Match")
            if (wanted and (old is None or tag_of(old) != wanted)) or (unwanted == "*" and old is not None):
                self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
                return
            state.objects[path] = body
            state.written[path] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._answer(200, etag=tag_of(body))

    def _list(self, path: str, query: dict[str, str]) -> None:
        bucket, prefix = path.strip("/"), query.get("prefix", "")
        entries = ""
        for number, (name, content) in enumerate(sorted(self.server_state.objects.items())):
            key = name.removeprefix(f"/{bucket}/")
            if name != key and key.startswith(prefix) and "/" not in key[len(prefix) :]:
                written = self.server_state.written.get(name, f"2026-01-01T00:00:{number % 60:02}.000Z")
                entries += ENTRY.format(key=escape(key), written=written, tag=tag_of(content), size=len(content))
        self._answer(200, PAGE.format(bucket=bucket, prefix=escape(prefix), entries=entries).encode())

    def _get(self, path: str) -> None:
        state = self.server_state
        content = state.objects.get(path)
        if content is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        tag = tag_of(content)
        if self.headers.get("If-None-Match") == tag:
            self._answer(304, etag=tag)
        elif self.headers.get("If-Match") not in (None, tag):
            self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
        else:
            start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
            self._answer(206 if self.headers.get("Range") else 200, content[start:], tag, start, len(content))
            if self.command == "HEAD" and state.replaces:
                state.objects[path] = state.replaces.pop(0)

    def _answer(self, status: int, body: bytes = b"", etag: str = "", start: int = 0, whole: int = 0) -> None:
        state = self.server_state
        state.requests.append(Request(self.command, self.path, dict(self.headers), status))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", formatdate(1_767_225_600, usegmt=True))
        if etag:
            self.send_header("ETag", etag)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        self.end_headers()
        if self.command != "HEAD":
            self._send(body, status)

    def _send(self, body: bytes, status: int) -> None:
        state = self.server_state
        is_download = self.command == "GET" and status in (200, 206)
        if is_download and state.cuts:
            self.wfile.write(body[: state.cuts.pop(0)])
            self.close_connection = True
        elif is_download and state.pause is not None and len(body) > 1:
            self.wfile.write(body[: len(body) // 2])
            state.pause.wait(30)
            self.wfile.write(body[len(body) // 2 :])
        else:
            self.wfile.write(body)
