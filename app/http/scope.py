"""The ASGI scope of a request, and the extension that carries what ASGI cannot say.

TorchServeProtocol adds `scope["extensions"]["torchserve"]`: `headers`, the header lines as they came, `target`, the
request target as it came, `request_id`, and `body_limit`, in bytes, which the body keeps to; it comes in one message.
Messages that start a response may have a `reason` phrase, and header names in a spelling of their own.
"""

from asyncio import BaseTransport
from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.types import Scope
from uvicorn.config import Config

from app.http.request import HandlerHeaders, HeaderLines, HttpRequest, new_request_id

EXTENSION = "torchserve"


class Connection(NamedTuple):
    """The facts about a connection that its requests share; `body_limit` is in bytes."""

    server: tuple[str, int | None] | None
    scheme: str
    body_limit: int

    @classmethod
    def of(cls, transport: BaseTransport, body_limit: int) -> "Connection":
        """The facts of an open transport: host and port of its listening socket, or the path of a unix socket."""
        name = transport.get_extra_info("sockname")
        server = (name[0], name[1]) if isinstance(name, tuple) else (str(name), None)
        secure = transport.get_extra_info("sslcontext") is not None
        return cls(server, "https" if secure else "http", body_limit)


def make_scope(request: HttpRequest, connection: Connection, config: Config, state: Mapping[str, Any]) -> Scope:
    """The scope of a request under uvicorn."""
    raw_path = request.target.partition(b"?")[0]
    root = config.root_path
    return {
        "type": "http",
        "asgi": {"version": config.asgi_version, "spec_version": "2.3"},
        "http_version": request.http_version,
        "server": connection.server,
        "client": request.client,
        "scheme": connection.scheme,
        "method": request.method,
        "root_path": root,
        "path": root + request.path,
        "raw_path": root.encode() + raw_path,
        "query_string": request.query_string,
        "headers": [(name.lower(), value) for name, value in request.headers],
        "state": dict(state),
        "extensions": {
            EXTENSION: {
                "headers": request.headers,
                "target": request.target,
                "request_id": request.request_id,
                "body_limit": connection.body_limit,
            }
        },
    }


def request_id(scope: Scope) -> str:
    """The id of a request, which the protocol has given to it, or which it gets now."""
    given: str | None = scope["extensions"][EXTENSION]["request_id"] if keeps_spelling(scope) else None
    return given or new_request_id()


def target(scope: Scope) -> bytes:
    """The path with its query as it was sent."""
    if keeps_spelling(scope):
        return scope["extensions"][EXTENSION]["target"]  # type: ignore[no-any-return]
    path, query = scope.get("raw_path") or scope["path"].encode(), scope["query_string"]
    return path + b"?" + query if query else path  # type: ignore[no-any-return]


def header(scope: Scope, name: bytes) -> str:
    """One header's value by its lower-case name, "" where it is missing."""
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")  # type: ignore[no-any-return]
    return ""


def keeps_spelling(scope: Scope) -> bool:
    """Whether header names go over the wire as they are spelled, both ways."""
    return EXTENSION in scope.get("extensions", ())


def is_whole(scope: Scope, limit: int) -> bool:
    """Whether the body has come already, and keeps to the limit."""
    return keeps_spelling(scope) and scope["extensions"][EXTENSION]["body_limit"] <= limit


def route_path(scope: Scope) -> str:
    """The path without what leads to an application that is mounted into another one."""
    path, root = scope["path"], scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root) else path  # type: ignore[no-any-return]


def header_lines(request: Request) -> HeaderLines:
    """The header lines, spelled as the client did where the server kept that."""
    scope = request.scope
    if keeps_spelling(scope):
        return scope["extensions"][EXTENSION]["headers"]  # type: ignore[no-any-return]
    return scope["headers"]  # type: ignore[no-any-return]


def handler_headers(request: Request, added: tuple[tuple[str, str], ...] = ()) -> HandlerHeaders:
    """The headers of a request as a handler sees them."""
    return HandlerHeaders(header_lines(request), added)
