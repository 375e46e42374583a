"""Sends one request and returns the answer as it came."""

import base64
import json
import ssl
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any

from tests.conformance.answer import Answer, Outcome

NOT_RECORDED = {"content-length", "date"}
"""Headers that the recordings leave out."""
BOUNDARY = "form-boundary"
TIMEOUT_SECONDS = 60

Body = dict[str, Any]


def send(request: dict[str, Any], port: int, *, tls: bool = False) -> Outcome:
    """The answer to a request of a recording, or the name of the error instead."""
    method, path = request["request"].split(" ", 1)
    body, content_type = encode(request.get("body"))
    headers = {"Content-Type": content_type} if content_type else {}
    connection = _connection(port, request.get("timeout", TIMEOUT_SECONDS), tls)
    try:
        _ask(connection, method, path, body, headers | request.get("headers", {}))
        with connection.getresponse() as response:
            return _read(response)
    except ConnectionRefusedError:
        return "refused"
    except (OSError, HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


def _connection(port: int, timeout: float, tls: bool) -> HTTPConnection:
    if not tls:
        return HTTPConnection("127.0.0.1", port, timeout=timeout)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    return HTTPSConnection("127.0.0.1", port, timeout=timeout, context=trusting)


def _ask(connection: HTTPConnection, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> None:
    # A server may refuse before it has taken all of the body: the answer is there to be read.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.request(method, path, body, headers)


def _read(response: HTTPResponse) -> Answer:
    names = dict.fromkeys(name.lower() for name in response.headers)
    headers = {name: ", ".join(response.headers.get_all(name, [])) for name in names if name not in NOT_RECORDED}
    # read1 hands out no more than one chunk at a time.
    chunks = list(iter(response.read1, b"")) if response.chunked else [response.read()]
    texts = (chunk.decode(errors="surrogateescape") for chunk in chunks)
    return Answer(response.status, response.reason, headers, tuple(texts))


def encode(body: Body | None) -> tuple[bytes | None, str | None]:
    """A recorded body's bytes and the content type that goes with it."""
    match body:
        case None:
            return None, None
        case {"json": value}:
            return json.dumps(value).encode(), "application/json"
        case {"form": text}:
            return text.encode(), "application/x-www-form-urlencoded"
        case {"parts": parts}:
            return b"".join(
                map(_part, parts)
            ) + f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"
        case {"size": size}:
            return b"x" * size, None
    return _content(body), None


def _part(part: Body) -> bytes:
    filename = f'; filename="{part["filename"]}"' if "filename" in part else ""
    content_type = f"\r\nContent-Type: {part['type']}" if "type" in part else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{part["name"]}"{filename}{content_type}\r\n\r\n'
    return head.encode() + _content(part) + b"\r\n"


def _content(body: Body) -> bytes:
    return base64.b64decode(body["base64"]) if "base64" in body else body["text"].encode()
