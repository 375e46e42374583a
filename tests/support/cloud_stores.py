"""Servers on loopback that speak what a shared state needs of the protocols of Cloud Storage and Blob Storage."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

ACCOUNT = "/devstoreaccount1"
"""The account of Azure's emulator, in front of each path."""
DATE = formatdate(1_767_225_600, usegmt=True)
GOOGLE_PAGE = "<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>"
GOOGLE_ENTRY = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>{tag}</ETag>"
    "<Size>{size}</Size></Contents>"
)
AZURE_PAGE = "<EnumerationResults><Blobs>{}</Blobs><NextMarker/></EnumerationResults>"
AZURE_ENTRY = (
    "<Blob><Name>{key}</Name><Properties><Last-Modified>" + DATE + "</Last-Modified><Etag>{tag}</Etag>"
    "<Content-Length>{size}</Content-Length><Content-Type>application/octet-stream</Content-Type></Properties></Blob>"
)
AZURE_PART = (
    "--batch\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\nHTTP/1.1 {status}\r\n"
    "x-ms-version: 2023-11-03\r\n\r\n"
)


class _Objects:
    """Contents with their generations, by path."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.contents: dict[str, tuple[bytes, int]] = {}
        self.generation = 0

    def put(self, path: str, content: bytes) -> int:
        """Replace an object; returns its new generation."""
        self.generation += 1
        self.contents[path] = (content, self.generation)
        return self.generation


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects: _Objects

    def log_message(self, *_: Any) -> None:
        """Log nothing."""

    @property
    def path_of_object(self) -> str:
        """The bucket and the key."""
        return unquote(urlsplit(self.path).path).removeprefix(ACCOUNT)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.objects.lock:
            if not self._may_write(self.objects.contents.get(self.path_of_object)):
                self._answer(412 if self.headers.get("If-None-Match") != "*" else 409)
                return
            self._answer(
                201 if self.path.startswith(ACCOUNT) else 200, made=self.objects.put(self.path_of_object, body)
            )

    def _may_write(self, present: tuple[bytes, int] | None) -> bool:
        generation = present[1] if present else 0
        wanted = self.headers.get("x-goog-if-generation-match")
        if wanted is not None:
            return int(wanted) == generation
        if self.headers.get("If-None-Match") == "*":
            return present is None
        match = self.headers.get("If-Match")
        return match is None or match == _tag(generation)

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if query.get("comp") == "list" or "list-type" in query:
            self._list(query.get("prefix", ""))
            return
        found = self.objects.contents.get(self.path_of_object)
        if found is None:
            self._answer(404)
        elif self.headers.get("If-None-Match") == _tag(found[1]):
            self._answer(304, made=found[1])
        else:
            self._answer(200, found[0], found[1])

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        found = self.objects.contents.pop(self.path_of_object, None)
        self._answer(404 if found is None else 202 if self.path.startswith(ACCOUNT) else 204)

    def do_POST(self) -> None:
        """Azure's batch: several requests, each to delete an object, in the parts of one body."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        parts = []
        for number, path in enumerate(re.findall(r"DELETE (\S+) HTTP", body)):
            key = unquote(urlsplit(path).path).removeprefix(ACCOUNT)
            status = "404 Not Found" if self.objects.contents.pop(key, None) is None else "202 Accepted"
            parts.append(AZURE_PART.format(number=number, status=status))
        self._answer(202, f"{''.join(parts)}--batch--\r\n".encode(), kind="multipart/mixed; boundary=batch")

    def _list(self, prefix: str) -> None:
        bucket = f"{self.path_of_object.rstrip('/')}/"
        is_azure = self.path.startswith(ACCOUNT)
        entries = ""
        for name, (content, generation) in sorted(self.objects.contents.items()):
            key = name.removeprefix(bucket)
            if name != key and key.startswith(prefix) and "/" not in key[len(prefix) :]:
                entry = AZURE_ENTRY if is_azure else GOOGLE_ENTRY
                entries += entry.format(key=escape(key), tag=escape(_tag(generation)), size=len(content))
        self._answer(200, (AZURE_PAGE if is_azure else GOOGLE_PAGE).format(entries).encode())

    def _answer(self, status: int, body: bytes = b"", made: int | None = None, kind: str = "application/xml") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", DATE)
        if made is not None:
            self.send_header("ETag", _tag(made))
            self.send_header("x-goog-generation", str(made))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def cloud_store(monkeypatch: pytest.MonkeyPatch, scheme: str) -> Iterator[None]:
    """A store of the scheme `gs` or `az` while the block runs, to which the environment's variables lead."""

    class Handler(_Handler):
        objects = _Objects()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        address = f"http://127.0.0.1:{server.server_port}"
        variables = {"STORAGE_EMULATOR_HOST": address}
        if scheme == "az":
            variables = {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": address}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def _tag(generation: int) -> str:
    return f'"{hashlib.md5(str(generation).encode()).hexdigest()}"'
