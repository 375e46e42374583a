"""Routes match paths and methods by TorchServe's rules."""

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from app.api.routing import ApiRoute


async def endpoint(request: Request) -> Response:
    """Never called here."""
    raise AssertionError


def match(route: ApiRoute, path: str, method: str = "GET", **scope: Any) -> dict[str, str] | None:
    """The parameters that a route finds in a path; None where it does not take it."""
    found, more = route.matches({"type": "http", "path": path, "method": method, **scope})
    return more["path_params"] if found is Match.FULL else None


@pytest.mark.parametrize("path", ["/ping", "/ping/", "/ping///"])
def test_slashes_at_the_end_do_not_count(path: str) -> None:
    assert match(ApiRoute("/ping", endpoint), path) == {}


@pytest.mark.parametrize("path", ["/pings", "/ping/x", "//ping", "/ping\n", "/PING"])
def test_other_paths_are_not_taken(path: str) -> None:
    assert match(ApiRoute("/ping", endpoint), path) is None


@pytest.mark.parametrize("path", ["/", "", "//"])
def test_the_root_may_be_empty(path: str) -> None:
    assert match(ApiRoute("/", endpoint), path) == {}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/models/m/1.0", {"name": "m", "version": "1.0"}),
        ("/models//1.0", {"name": "", "version": "1.0"}),
        ("/models/m/", None),
        ("/models/m\n/1", {"name": "m\n", "version": "1"}),
        ("/models/m/1/x", None),
    ],
)
def test_a_segment_that_is_not_the_last_may_be_empty(path: str, found: dict[str, str] | None) -> None:
    assert match(ApiRoute("/models/{name}/{version}", endpoint), path) == found


@pytest.mark.parametrize(
    ("path", "found"), [("/p/a", {"more": "a"}), ("/p/a//b/", {"more": "a//b"}), ("/p/", None), ("/p", None)]
)
def test_a_path_parameter_takes_everything_that_follows(path: str, found: dict[str, str] | None) -> None:
    assert match(ApiRoute("/p/{more:path}", endpoint), path) == found


def test_a_route_without_methods_takes_any() -> None:
    assert match(ApiRoute("/ping", endpoint), "/ping", "PATCH") == {}


def test_a_route_of_a_method_takes_no_other_and_get_is_not_head() -> None:
    route = ApiRoute("/models", endpoint, "GET")
    assert match(route, "/models") == {}
    assert route.matches({"type": "http", "path": "/models", "method": "HEAD"})[0] is Match.PARTIAL


def test_a_pattern_says_what_the_template_cannot() -> None:
    route = ApiRoute("/{name}/predict", endpoint, pattern="/(?!models/)(?P<name>[^/]*)/predict")
    assert (match(route, "/m/predict"), match(route, "/models/predict")) == ({"name": "m"}, None)


def test_a_mounted_route_sees_the_path_below_its_application() -> None:
    assert match(ApiRoute("/ping", endpoint), "/served/ping", root_path="/served") == {}
