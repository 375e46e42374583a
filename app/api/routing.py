"""Routes that match as TorchServe's do, and carry their part of the OpenAPI document."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from app.api.contract import STATUS, Contract

Endpoint = Callable[[Request], Awaitable[Response]]
_PARAMETER = re.compile(r"{(\w+)(:path)?}")


class ApiRoute(Route):
    """A route of any method, unless `methods` are named; HEAD and OPTIONS are methods like others.

    Slashes at the end of a path do not count, and a segment that is not the last may be empty. `{name:path}` takes
    everything that follows, slashes included. `operations` are the OpenAPI operations by method; a route without any is
    left out of TorchServe's document. `contract` is what the OpenAPI 3.1 document says of it. `pattern` is a regular
    expression for paths that the template cannot say.
    """

    def __init__(
        self, path: str, endpoint: Endpoint, *methods: str,
        operations: Mapping[str, dict[str, Any]] | None = None, pattern: str | None = None,
        contract: Contract = STATUS,
    ) -> None:  # fmt: skip
        super().__init__(path, endpoint, methods=methods or ("GET",), include_in_schema=operations is not None)
        self.methods = set(methods) or None
        self.operations = operations or {}
        self.contract = contract
        self.path_regex = re.compile(f"{pattern or _pattern(path)}/*\\Z")
        self._prefix = path.partition("{")[0].rstrip("/")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Compare the path's beginning first: most routes do not match most requests."""
        path = scope["path"]
        if not path.startswith(self._prefix) and not scope.get("root_path"):
            return Match.NONE, {}
        return super().matches(scope)


def _pattern(path: str) -> str:
    pattern, end = "", 0
    parameters = [*_PARAMETER.finditer(path)]
    for parameter in parameters:
        is_last = parameter.end() == len(path)
        value = r"[\s\S]*[^/]" if parameter[2] else "[^/]+" if is_last else "[^/]*"
        pattern += re.escape(path[end : parameter.start()]) + f"(?P<{parameter[1]}>{value})"
        end = parameter.end()
    return pattern + re.escape(path[end:].rstrip("/"))
