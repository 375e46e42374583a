"""The fast path: predictions at /predictions/{model} and /predictions/{model}/{version}, and paths without a route."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from app.errors import ResourceNotFound
from app.http.fast_path import FastPath, Reply
from app.http.request import HandlerHeaders, HttpRequest, check_escapes
from app.http.request_body import parse_body
from app.http.responses import Headers, RawResponse
from app.model_server import ModelServer
from app.tracing.tracer import traceparent_of
from handler.job import Input
from model_registry.errors import VersionNotFound
from model_registry.model import Model

if TYPE_CHECKING:
    from app.api.triton.fast_path import InferenceStarter, PendingInference

PREFIX = "/predictions/"
INFERENCE_PREFIX = b"/v2/models/"
GROUP_NAME = re.compile(r"\(\?P<\w+>")
ROUTE = "/predictions/{model_name}"
ADDED_HEADERS = (("explain", "False"), ("url_path", ""))
"""The headers that TorchServe adds to a plain prediction."""


class PredictionFastPath(FastPath):
    """Answers predictions by registered models, and paths without a route, on an address that serves these APIs."""

    def __init__(self, app: Starlette, server: ModelServer, apis: Sequence[str], cors: Headers) -> None:
        super().__init__(app, server.settings.max_request_size, cors, server.admission)
        self.kept_statuses = (503,) if server.settings.keep_alive_on_503 else ()
        self._apis = apis
        self._policy = server.access_policy
        self._models = server.registry.models
        self._predicts = "inference" in apis
        self._server = server
        self._tracer = server.tracer
        self._routed = routed_paths(app.routes)
        self._starter = _starter(server) if self._predicts else None

    def submit(self, request: HttpRequest) -> Reply | RawResponse | None:
        """Accept a prediction. Raises InvalidKey, BadForm, VersionNotFound, NoWorker, and ResourceNotFound."""
        found = self._find(request)
        if found is None and request.rejection is None:
            if self._starter is not None and (started := self._start_inference(self._starter, request)) is not None:
                return started
            if self._routed is not None and self._routed.match(request.path) is None:
                self._raise_not_found(request)
            return None
        if self._policy.asks_for_inference:
            self._policy.check("inference", request.header(b"authorization"))
        if found is None or request.rejection is not None:
            _raise_rejection(request)
        model, version = found
        parts = parse_body(request.body, request.header(b"content-type"))
        given = Input(parts, HandlerHeaders(request.headers, ADDED_HEADERS))
        client = request.client[0] if request.client else None
        if self._tracer is None or (origin := self._tracer.sample(traceparent_of(request.headers))) is None:
            return model.submit(given, request.request_id, version, client)
        return self._tracer.submit(
            given, origin, f"{request.method} {ROUTE}", request.request_id,
            lambda traced: model.submit(traced, request.request_id, version, client),
        )  # fmt: skip

    def reject_early(self, request: HttpRequest) -> None:
        """Reject a prediction by a model whose queue is full."""
        found = self._find(request)
        if found is not None:
            model, version = found
            with suppress(VersionNotFound):
                request.rejection = model.choose(version).early_refusal(version or "default")

    def record(self, request: HttpRequest, status: int, started: float) -> None:
        """Count and log an answered request; `started` is in `perf_counter` seconds."""
        self._server.record(request.client, request.method, request.target, request.http_version, status, started)

    def record_unlogged(self, status: int) -> None:
        """Count a response that TorchServe does not log."""
        self._server.record_unlogged(status)

    def _start_inference(
        self, starter: "InferenceStarter", request: HttpRequest
    ) -> "PendingInference | RawResponse | None":
        if not request.target.startswith(INFERENCE_PREFIX):
            return None
        if self._policy.asks_for_inference:
            self._policy.check("inference", request.header(b"authorization"))
        return starter.start(request)

    def _raise_not_found(self, request: HttpRequest) -> NoReturn:
        """Raise what the application would answer, for a tenth of the time."""
        self._policy.check_path(request.path, self._apis, request.header(b"authorization"))
        check_escapes(request.target.partition(b"?")[0].decode("latin-1"))
        raise ResourceNotFound

    def _find(self, request: HttpRequest) -> tuple[Model, str | None] | None:
        """The model that a prediction names, and the version if it names one; None for any other request."""
        path = request.path
        if not self._predicts or not path.startswith(PREFIX) or request.method == "OPTIONS":
            return None
        name, _, version = path[len(PREFIX) :].rstrip("/").partition("/")
        model = self._models.get(name)
        if model is None or model.is_restoring or "/" in version:
            return None
        return model, version or None


def _starter(server: ModelServer) -> "InferenceStarter | None":
    """Starts inference of models of repositories, where there are any."""
    if server.repositories is None:
        return None
    from app.api.triton.fast_path import InferenceStarter  # protobuf is an extra

    return InferenceStarter(server)


def routed_paths(routes: Iterable[BaseRoute]) -> re.Pattern[str] | None:
    """A regular expression for the paths of routes; None where a route does not say which it takes."""
    patterns = [getattr(route, "path_regex", None) for route in routes]
    if not all(patterns):
        return None
    return re.compile("|".join(f"(?:{GROUP_NAME.sub('(?:', each.pattern)})" for each in patterns if each))


def _raise_rejection(request: HttpRequest) -> NoReturn:
    """Raise why the request was rejected early, and forget it: its traceback leads back to the request."""
    assert request.rejection is not None
    try:
        raise request.rejection
    finally:
        request.rejection = None
