"""The fast path of an application: requests that need neither a task nor an ASGI scope."""

import sys
from collections.abc import Callable
from typing import Any, Protocol

from app.http.limits.admission import Admission
from app.http.limits.connection_limits import ConnectionLimits
from app.http.limits.refusal_log import RefusalLog
from app.http.request import HttpRequest
from app.http.response_head import render_response
from app.http.responses import Headers, RawResponse

FAST_PATH = "torchserve.fast_path"
"""The key under which the state of an application's lifespan holds its fast path."""


class Reply(Protocol):
    """An outcome that will come: an output, a stream, a whole response, or an error."""

    def set_callback(self, callback: Callable[[Any], object], /) -> None:
        """Call the function with the outcome when it comes."""

    def detach(self) -> None:
        """The client has disconnected."""


class FastPath:
    """The application as TorchServeProtocol knows it; this one answers nothing on the fast path.

    `app` is the application that would answer without it, and nothing around that. `body_limit` is in bytes.
    """

    closes_after_errors = True
    """Whether a connection ends with an error, as in TorchServe."""
    kept_statuses: tuple[int, ...] = ()
    """Those of errors after which it goes on all the same."""

    def __init__(
        self, app: Any = None, body_limit: int = sys.maxsize, cors: Headers = (), admission: Admission | None = None
    ) -> None:
        self.app = app
        self.body_limit = body_limit
        self.cors = cors
        self.admission = admission or Admission(ConnectionLimits(), RefusalLog())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.app!r}>"

    def submit(self, request: HttpRequest) -> Reply | RawResponse | None:
        """Accept a request and return its response, or the reply that its outcome will come to.

        None for a request that ASGI answers. Raises the error to answer with.
        """

    def render(self, response: RawResponse, request: HttpRequest, *, close: bool) -> list[Any]:
        """A whole response in pieces that are written one behind the other."""
        head_only = request.method == "HEAD"
        whole = render_response(response, request.request_id, self.cors, close=close, head_only=head_only)
        return [whole] if head_only else [whole, *response.tail]

    def reject_early(self, request: HttpRequest) -> None:
        """Set the request's `rejection` if it will be refused whatever its body is, which has not come yet."""

    def record(self, request: HttpRequest, status: int, started: float) -> None:
        """Count and log an answered request; `started` is in `perf_counter` seconds."""

    def record_unlogged(self, status: int) -> None:
        """Count a response that TorchServe does not log."""
