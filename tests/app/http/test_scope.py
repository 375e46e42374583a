"""ASGI scopes of requests, with and without the extension of TorchServeProtocol."""

from typing import Any

import pytest
import uvicorn
from starlette.requests import Request

from app.http.request import HttpRequest
from app.http.scope import (
    Connection,
    handler_headers,
    header,
    is_whole,
    keeps_spelling,
    make_scope,
    request_id,
    route_path,
    target,
)

CONNECTION = Connection(("127.0.0.1", 80), "https", 100)
PLAIN = {"type": "http", "path": "/a b", "query_string": b"q=1", "headers": [(b"x-a", b"1")]}


def scope(root_path: str = "") -> dict[str, Any]:
    request = HttpRequest("PUT", "/a b", b"q=1", [(b"X-A", b"1")], target=b"/a%20b?q=1", client=("10.0.0.1", 5))
    config = uvicorn.Config("app:main", root_path=root_path, interface="asgi3", log_config=None)
    return dict(make_scope(request, CONNECTION, config, {"name": "state"}))


def test_a_scope_is_what_asgi_asks_for() -> None:
    made = scope()
    extension = made.pop("extensions")["torchserve"]
    assert made == {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "server": ("127.0.0.1", 80), "client": ("10.0.0.1", 5), "scheme": "https", "method": "PUT", "root_path": "",
        "path": "/a b", "raw_path": b"/a%20b", "query_string": b"q=1", "headers": [(b"x-a", b"1")],
        "state": {"name": "state"},
    }  # fmt: skip
    assert (extension["headers"], extension["target"]) == ([(b"X-A", b"1")], b"/a%20b?q=1")


def test_a_handler_sees_headers_in_the_clients_spelling_where_that_is_known() -> None:
    assert list(handler_headers(Request(scope()), (("explain", "True"),))) == [("X-A", "1"), ("explain", "True")]
    assert list(handler_headers(Request(dict(PLAIN)))) == [("x-a", "1")]
    assert (keeps_spelling(scope()), keeps_spelling(PLAIN)) == (True, False)


def test_the_target_is_the_one_that_was_sent() -> None:
    assert target(scope()) == b"/a%20b?q=1"
    assert target(PLAIN) == b"/a b?q=1"
    assert target({**PLAIN, "raw_path": b"/a%20b", "query_string": b""}) == b"/a%20b"


def test_a_body_is_whole_where_the_protocol_kept_to_the_limit() -> None:
    assert [is_whole(scope(), limit) for limit in (99, 100)] == [False, True]
    assert not is_whole(PLAIN, 100)


def test_a_request_keeps_the_id_that_the_protocol_gave_it() -> None:
    made = scope()
    assert request_id(made) == request_id(made)
    assert len(request_id(PLAIN)) == 36


@pytest.mark.parametrize(("root_path", "path"), [("", "/a b"), ("/models", "/a b"), ("/other", "/a b")])
def test_the_route_path_leaves_out_where_the_application_is_mounted(root_path: str, path: str) -> None:
    assert route_path(scope(root_path)) == path


def test_a_header_is_found_by_its_name() -> None:
    assert (header(PLAIN, b"x-a"), header(PLAIN, b"x-b")) == ("1", "")
