"""A handler that echoes what it is asked, behind a socket of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.raw_connections import opened
from tests.support.serving import Client, serving

ECHO = """
    import threading
    GATE = vars(threading).setdefault("test_gate", threading.Event())  # one for all workers
    class Echo:
        def initialize(self, context):
            pass
        def handle(self, data, context):
            out = []
            for index, row in enumerate(data):
                body = row.get("body")
                if body == "wait":
                    GATE.clear()
                    GATE.wait(30)
                if body == "open":
                    GATE.set()
                if isinstance(body, str) and body.startswith("status "):
                    context.set_response_status(eval(body[7:]), idx=index)
                if body == "headers":
                    context.set_response_header(index, "X-Number", 7)
                    context.set_response_header(index, "X-Nothing", None)
                headers = context.get_all_request_header(index)
                out.append({"length": len(body) if isinstance(body, (str, bytearray)) else None,
                            "names": [name for name in headers if name.startswith(("X-", "x-"))]})
            return out
"""
LIMIT = 1000


@asynccontextmanager
async def listening(store: Path, **settings: Any) -> AsyncIterator[tuple[Client, Any]]:
    """A server on a port of its own, and a function that connects to it."""
    async with (
        serving(store, "echo.mar", max_request_size=str(LIMIT), **settings) as client,
        opened(client) as endpoint,
    ):
        yield client, endpoint.connect


def post(body: str, path: str = "/predictions/echo", *headers: str) -> str:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: text/plain", f"Content-Length: {len(body)}", *headers]
    return "\n".join(lines) + "\n\n" + body
