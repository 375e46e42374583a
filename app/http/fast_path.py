"""The fast path of an application: requests that need neither a task nor an ASGI scope."""

import sys
from typing import Any

from app.http.request import HttpRequest
from app.http.responses import Headers
from model_registry.reply import PendingReply

FAST_PATH = "torchserve.fast_path"
"""The key under which the state of an application's lifespan holds its fast path."""


class FastPath:
    """The application as TorchServeProtocol knows it; this one answers nothing on the fast path.

    `app` is the application that would answer without it, and nothing around that. `body_limit` is in bytes.
    """

    def __init__(self, app: Any = None, body_limit: int = sys.maxsize, cors: Headers = ()) -> None:
        self.app = app
        self.body_limit = body_limit
        self.cors = cors

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.app!r}>"

    def submit(self, request: HttpRequest) -> PendingReply | None:
        """Accept a request and return the reply that its outcome will come to; None for one that ASGI answers.

        Raises the error to answer with.
        """

    def reject_early(self, request: HttpRequest) -> None:
        """Set the request's `rejection` if it will be refused whatever its body is, which has not come yet."""

    def record(self, request: HttpRequest, status: int, started: float) -> None:
        """Count and log an answered request; `started` is in `perf_counter` seconds."""

    def record_unlogged(self, status: int) -> None:
        """Count a response that TorchServe does not log."""
