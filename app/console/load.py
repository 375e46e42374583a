"""A bounded load on one model from within the server, which shows the batches that clients make together."""

from collections import Counter
from time import monotonic
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app.access.origin_policy import is_loopback
from app.api.openapi import parameter
from app.api.parameters import integer, query
from app.console.event_window import percentiles
from app.errors import BadRequest, LoadInProgress, LoadRefused, describe_error, is_expected
from app.http.request_body import parse_body
from app.http.responses import json_response
from app.http.scope import handler_headers, header, keeps_spelling
from app.model_server import ModelServer
from handler.job import Input
from handler.job_times import JobTimes
from model_registry.model import Model
from model_registry.reply import ResponseStream

MAX_CLIENTS = 20
MAX_SECONDS = 10
DEFAULT_SECONDS = 4
CLIENTS = parameter("clients", "query", f"Clients at once, {MAX_CLIENTS} at most.", "integer")
SECONDS = parameter("seconds", "query", f"Seconds that the load takes, {MAX_SECONDS} at most.", "integer")
MAX_LATENCIES = 10_000
PAUSE_AFTER_FAILURE_SECONDS = 0.05
ADDED_HEADERS = (("explain", "False"), ("url_path", ""))


class Load:
    """Clients that each send one request after the other, until the time is over; and the figures of that."""

    def __init__(self, model: Model, version: str | None, given: Input) -> None:
        self._model, self._version, self._given = model, version, given
        self._latencies: list[float] = []
        self._answers = 0
        self._batches: Counter[int] = Counter()
        self._failures: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<Load of {self._model.name}: {self._answers} answers, {self._failures.total()} failures>"

    async def run(self, clients: int, seconds: float) -> dict[str, Any]:
        """Send requests, and return the figures: answers a second, latencies in milliseconds, batches by size."""
        started = monotonic()
        with anyio.move_on_after(seconds):
            async with anyio.create_task_group() as tasks:
                for number in range(clients):
                    tasks.start_soon(self._send_requests, f"load-{number}")
        elapsed = monotonic() - started
        return {
            "clients": clients,
            "seconds": round(elapsed, 3),
            "answers": self._answers,
            "perSecond": round(self._answers / elapsed, 1),
            "latency": percentiles(self._latencies),
            "batches": {str(size): round(jobs / size) or 1 for size, jobs in sorted(self._batches.items()) if size},
            "failures": dict(self._failures.most_common(5)),
        }

    async def _send_requests(self, request_id: str) -> None:
        while True:
            times, started = JobTimes(), monotonic()
            try:
                await self._predict(self._given._replace(times=times), request_id)
            except Exception as error:
                if not is_expected(error):
                    raise
                described = describe_error(error)
                self._failures[f"{described.status} {described.message}"] += 1
                await anyio.sleep(PAUSE_AFTER_FAILURE_SECONDS)
                continue
            self._answers += 1
            self._batches[times.batch_size] += 1
            if len(self._latencies) < MAX_LATENCIES:
                self._latencies.append(monotonic() - started)

    async def _predict(self, given: Input, request_id: str) -> None:
        reply = self._model.submit(given, request_id, self._version)
        try:
            outcome = await reply.future
            if isinstance(outcome, ResponseStream):
                async for _ in outcome:
                    pass
        finally:
            reply.detach()


class LoadGenerator:
    """Runs one load at a time."""

    def __init__(self) -> None:
        self._is_running = False

    def __repr__(self) -> str:
        return f"<LoadGenerator {'running' if self._is_running else 'idle'}>"

    async def load_model(self, request: Request) -> Response:
        """POST /console/load/{model}: have clients within the server send the body, for some seconds at most."""
        server, names = ModelServer.of(request.scope), request.path_params
        if not is_load_allowed(server, request.scope):
            raise LoadRefused
        clients = _bounded(request, "clients", MAX_CLIENTS, MAX_CLIENTS)
        seconds = _bounded(request, "seconds", DEFAULT_SECONDS, MAX_SECONDS)
        model = await server.registry.find_model(names["model_name"])
        model.choose(names.get("model_version"))
        if self._is_running:
            raise LoadInProgress
        parts = parse_body(await request.body(), header(request.scope, b"content-type"))
        given = Input(parts, [*handler_headers(request, ADDED_HEADERS)], keeps_spelling(request.scope))
        self._is_running = True
        try:
            return json_response(await Load(model, names.get("model_version"), given).run(clients, seconds))
        finally:
            self._is_running = False


def is_load_allowed(server: ModelServer, scope: Scope) -> bool:
    """Whether this client may have a load made: it has sent the token, or is on this machine, as the server is."""
    if server.settings.authorization != "off":
        return True
    ends = scope.get("server"), scope.get("client")
    return all(end is not None and is_loopback(end[0]) for end in ends)


def _bounded(request: Request, name: str, default: int, maximum: int) -> int:
    value = integer(query(request), name, default)
    if not 1 <= value <= maximum:
        raise BadRequest(f"{name} has to be 1 to {maximum}.")
    return value
