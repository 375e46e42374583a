"""The fast path of an application that has none."""

import sys

from app.http.fast_path import FastPath
from app.http.request import HttpRequest


def test_without_a_fast_path_every_request_of_any_size_takes_the_way_through_asgi() -> None:
    path, request = FastPath(), HttpRequest("POST", "/predictions/m", b"", (), target=b"/predictions/m")
    assert path.submit(request) is None
    path.reject_early(request)
    assert request.rejection is None
    assert (path.body_limit, path.cors) == (sys.maxsize, ())
    path.record(request, 200, 0.0)
    path.record_unlogged(413)
