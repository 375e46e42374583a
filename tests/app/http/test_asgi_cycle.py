"""Any ASGI application behind TorchServeProtocol's connection: what it sends is what the client gets."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.asgi_cycle import AsgiCycle
from app.http.request import HttpRequest

pytestmark = pytest.mark.anyio
LENGTH = (b"content-length", b"2")


class Written:
    """Keeps what is written to a connection."""

    def __init__(self) -> None:
        self.data = b""
        self.closed: bool | None = None

    def write(self, data: bytes) -> None:
        self.data += data

    async def drain(self) -> None:
        pass

    def closes_after(self, status: int) -> bool:
        return status >= 400

    def end_response(self, *, close: bool) -> None:
        self.closed = close


async def run(app: ASGIApp, method: str = "POST", body: bytes | bytearray = b"") -> Written:
    """The response of an application to one request."""
    request, written = HttpRequest(method, "/", b"", (), target=b"/"), Written()
    request.body = body
    await AsgiCycle(request, written).run(app, {"type": "http"})
    return written


def start(*headers: tuple[bytes, bytes], status: int = 200, **more: Any) -> Message:
    return {"type": "http.response.start", "status": status, "headers": [*headers], **more}


def piece(body: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


def sends(*messages: Message) -> Callable[[Scope, Receive, Send], Any]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


async def test_a_short_response_has_its_length_and_torchserves_words_for_its_status() -> None:
    written = await run(sends(start((b"X-A", b"1"), status=508), piece(b"ab", more=False)))
    assert written.data == (
        b"HTTP/1.1 508 Server Error (508)\r\nX-A: 1\r\ncontent-length: 2\r\nconnection: close\r\n\r\nab"
    )
    assert written.closed is True


async def test_a_reason_phrase_of_the_applications_own_is_sent() -> None:
    written = await run(sends(start(reason=b"Fine"), piece(b"", more=False)))
    assert written.data.startswith(b"HTTP/1.1 200 Fine\r\n")
    assert written.closed is False


async def test_pieces_go_as_chunks() -> None:
    written = await run(sends(start(), piece(b"ab", more=True), piece(b"", more=True), piece(b"c", more=False)))
    head, _, body = written.data.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert body == b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"


async def test_pieces_of_a_known_length_go_as_they_are() -> None:
    written = await run(sends(start(LENGTH), piece(b"a", more=True), piece(b"b", more=False)))
    assert written.data.endswith(b"content-length: 2\r\nconnection: keep-alive\r\n\r\nab")


@pytest.mark.parametrize("messages", [(piece(b"ab", more=False),), (piece(b"a", more=True), piece(b"b", more=False))])
async def test_head_gets_no_body(messages: tuple[Message, ...]) -> None:
    written = await run(sends(start(LENGTH), *messages), "HEAD")
    assert written.data.endswith(b"\r\n\r\n")


async def test_an_error_before_the_response_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        raise ZeroDivisionError("secret")

    written = await run(fails)
    assert written.data.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert (b"secret" in written.data, "ZeroDivisionError: secret" in caplog.text) == (False, True)
    assert written.closed is True


@pytest.mark.parametrize("raises", [True, False])
async def test_a_response_that_stops_in_the_middle_is_cut(raises: bool) -> None:
    async def stops(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(piece(b"ab", more=True))
        if raises:
            raise ZeroDivisionError

    written = await run(stops)
    assert written.data.endswith(b"2\r\nab\r\n")
    assert written.closed is True


async def test_an_application_that_sends_nothing_is_a_defect() -> None:
    assert (await run(sends())).data.startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize("body", [b"whole", bytearray(b"whole")])
async def test_the_body_comes_in_one_message(body: bytes | bytearray) -> None:
    received: list[Message] = []

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        received.append(await receive())
        await sends(start(), piece(b"", more=False))(scope, receive, send)

    await run(reads, body=body)
    assert received == [{"type": "http.request", "body": b"whole", "more_body": False}]
    assert type(received[0]["body"]) is bytes
