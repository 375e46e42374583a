"""Routes that match as Triton's do: the path as it was sent, exactly."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import URLPath
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from app.access.origin_policy import OriginPolicy
from app.api.triton.restrictions import MANAGEMENT_APIS, check_restriction
from app.errors import ForeignHost, ForeignOrigin
from app.http.responses import RawResponse, TorchServeResponse
from app.model_server import ModelServer
from app.open_inference.errors import raw_error, raw_message
from app.settings.triton import TritonSettings
from handler.tensors.errors import TensorError

ArchiveEndpoint = Callable[[Request], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[RawResponse | TorchServeResponse]]
MODEL = r"/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[0-9]+))?"
NEWEST = -1


class TritonRoute(BaseRoute):
    """A route of some methods; any other gets a 405. `api` is the group of APIs that it can be restricted with.

    `is_json` says how errors are called before the endpoint answers: JSON, or plain text. `archive` answers in place of
    the endpoint where the model is an archive.
    """

    def __init__(
        self, pattern: str, methods: str, endpoint: Endpoint, api: str, *, is_json: bool = True,
        archive: ArchiveEndpoint | None = None,
    ) -> None:  # fmt: skip
        self.path_regex = re.compile(pattern)
        self._methods = methods.split()
        self._endpoint = endpoint
        self._api = api
        self._is_json = is_json
        self._archive = archive

    def __repr__(self) -> str:
        return f"<TritonRoute {self._methods} {self.path_regex.pattern}>"

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Compare the path as it was sent: it is not decoded, and nothing may follow."""
        if scope["type"] != "http":
            return Match.NONE, {}
        found = self.path_regex.fullmatch(raw_path(scope))
        if found is None:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self._endpoint, "path_params": found.groupdict()}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request, server = Request(scope, receive), ModelServer.of(scope)
        assert server.settings.triton is not None, "these routes are there only where repositories are"
        if not server.settings.triton.is_alone and "model" in request.path_params:
            await server.wait_started()
            if self._archive is not None and server.is_archive(request.path_params["model"]):
                await (await self._archive(request))(scope, receive, send)
                return
        response = await self._answer(request, server.settings.triton, server.origin_policy)
        if isinstance(response, RawResponse):
            response = TorchServeResponse(response)
        await response(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Raises NoMatchFound: these routes have no names."""
        raise NoMatchFound(name, path_params)

    async def _answer(
        self, request: Request, settings: TritonSettings, origins: OriginPolicy
    ) -> RawResponse | TorchServeResponse:
        if self._api in MANAGEMENT_APIS:
            try:
                origins.check_scope(request.scope)
            except (ForeignOrigin, ForeignHost) as error:
                return raw_message(str(error), 403)
        if request.method not in self._methods:
            return raw_message("Method Not Allowed", 405, is_json=self._is_json)
        if settings.http_restrictions:
            refusal = check_restriction(settings.http_restrictions, self._api, request.headers.get)
            if refusal is not None:
                return refusal
        try:
            return await self._endpoint(request)
        except TensorError as error:
            return raw_error(error, is_json=self._is_json)


def raw_path(scope: Scope) -> str:
    """The path as it was sent, without what leads to a mounted application."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("latin-1").removeprefix(scope.get("root_path", ""))


def version_number(request: Request) -> int:
    """The version that a path names, `NEWEST` where it names none."""
    version = request.path_params["version"]
    return NEWEST if version is None else int(version)
