"""The fast path of inference: POST /v2/models/MODEL[/versions/VERSION]/infer costs neither a task nor a scope."""

import logging
import re
from collections.abc import Callable
from typing import Any

from app.api.triton.restrictions import check_restriction
from app.api.triton.routing import NEWEST
from app.http.fast_path import FastPath
from app.http.request import HandlerHeaders, HttpRequest
from app.http.responses import RawResponse
from app.model_server import ModelServer
from app.open_inference.errors import raw_error, raw_message
from app.open_inference.infer_call import HEADER_LENGTH, InferCall, InferHeaders, check_unary, forwarded_headers
from handler.job import Input, Part
from handler.tensors.errors import TensorError
from model_registry.traffic.input_request import InputRequest

LOG = logging.getLogger("marserve.triton")
PREFIX = b"/v2/models/"
INFER = re.compile(rb"/v2/models/([^/]+)(?:/versions/([0-9]+))?/infer(?:\?.*)?", re.DOTALL)
HEADERS = {b"content-encoding", b"accept-encoding", HEADER_LENGTH.encode()}


class PendingInference:
    """The response to a request on the fast path."""

    def __init__(self) -> None:
        self.call: InferCall | None = None
        self._response: RawResponse | None = None
        self._callback: Callable[[Any], object] | None = None

    def __repr__(self) -> str:
        return f"<PendingInference {self.call}>"

    def answer(self, response: RawResponse) -> None:
        """Take the response, once."""
        self._response = response
        if self._callback is not None:
            self._callback(response)

    def set_callback(self, callback: Callable[[Any], object]) -> None:
        """Call the function with the response when it comes, or at once if it is there."""
        self._callback = callback
        if self._response is not None:
            callback(self._response)

    def detach(self) -> None:
        """The client has disconnected."""
        self._callback = None
        if self.call is not None:
            self.call.cancel()


class InferenceStarter:
    """Starts requests of inference for models of repositories, whose server has started."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._repositories = server.repositories
        self._settings = server.settings.triton

    def __repr__(self) -> str:
        return f"<InferenceStarter of {self._repositories}>"

    def start(self, request: HttpRequest) -> PendingInference | RawResponse | None:
        """The response that is pending, or there already; None for a request of another kind, or to an archive."""
        if request.method != "POST" or self._repositories is None or self._settings is None:
            return None
        found = INFER.fullmatch(request.target)
        if found is None:
            return None
        name = found[1].decode("latin-1")
        if not self._settings.is_alone and not self._is_ours(name):
            return None
        if self._settings.http_restrictions:
            refusal = check_restriction(
                self._settings.http_restrictions, "inference", lambda key: request.header(key.encode()) or None
            )
            if refusal is not None:
                return refusal
        return self._start(request, name, int(found[2]) if found[2] else NEWEST)

    def _start(self, request: HttpRequest, name: str, number: int) -> PendingInference | RawResponse:
        assert self._repositories is not None
        try:
            served = self._repositories.route(name, number, lambda: _routed(request))
            check_unary(served)
        except TensorError as error:
            return raw_error(error, is_json=False)
        pending = PendingInference()
        pending.call = InferCall(served, self._server.live_settings.shared_memory, pending.answer)
        try:
            pending.call.start(request.body, self._headers(request), self._server.settings.max_request_size)
        except Exception as error:
            LOG.exception("A request of inference failed.")
            return raw_message(f"{type(error).__name__}: {error}", 500)
        return pending

    def _is_ours(self, name: str) -> bool:
        """Whether a model is here now: all others, and those that may still come, are the application's."""
        assert self._repositories is not None
        return self._repositories.started.is_set() and self._repositories.states.get(name) is not None

    def _headers(self, request: HttpRequest) -> InferHeaders:
        found: dict[bytes, str] = {}
        for name, value in request.headers:
            key = name.lower()
            if key in HEADERS:
                found.setdefault(key, value.decode("latin-1"))
        pattern = self._settings.http_forwarded if self._settings else None
        lines = (
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers] if pattern else []
        )
        return InferHeaders(
            found.get(HEADER_LENGTH.encode()),
            found.get(b"content-encoding", ""),
            found.get(b"accept-encoding", ""),
            forwarded_headers(lines, pattern),
        )


def _routed(request: HttpRequest) -> InputRequest:
    """A request as traffic rules look at it."""
    client = request.client[0] if request.client else None
    return InputRequest(Input((Part("body", "", request.body),), HandlerHeaders(request.headers)), client)


class TritonFastPath(FastPath):
    """The fast path of a server that speaks Triton's protocol alone: heads are short, and errors end no connection.

    Without `answers` every request goes to the application.
    """

    closes_after_errors = False

    def __init__(self, app: Any, server: ModelServer, *, answers: bool = True) -> None:
        super().__init__(app, server.settings.max_request_size)
        self._starter = InferenceStarter(server) if answers else None

    def submit(self, request: HttpRequest) -> PendingInference | RawResponse | None:
        """Start a request of inference; None for any other."""
        if self._starter is None or not request.target.startswith(PREFIX):
            return None
        return self._starter.start(request)

    def render(self, response: RawResponse, request: HttpRequest, *, close: bool) -> list[Any]:
        """The response in pieces, without headers that Triton does not send."""
        lines = b"".join(b"%b: %b\r\n" % header for header in response.headers)
        size = len(response.body) + sum(memoryview(piece).nbytes for piece in response.tail)
        end = b"connection: close\r\n" if close else b""
        head = b"HTTP/1.1 %d %b\r\n%bcontent-length: %d\r\n%b\r\n" % (
            response.status, response.reason, lines, size, end,
        )  # fmt: skip
        return [head] if request.method == "HEAD" else [head + response.body, *response.tail]
