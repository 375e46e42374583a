"""An async client of TorchServe and marserve that never waits for a server which is down, hung or slow.

    client = TorchServeClient("http://torchserve:8080", local=pipeline)
    prediction, confidence, alternatives = await client.predict(window)

One file, to be copied or installed; it imports httpx (or httpx2), numpy, orjson and prometheus-client.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum
from functools import cache
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import orjson
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

try:
    import httpx
except ModuleNotFoundError:
    import httpx2 as httpx

LOG = logging.getLogger("signflow.client")
LATENCY_BUCKETS_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
LONGEST_COOLDOWN_SECONDS = 60.0
RETRYABLE_REASONS = {"connect", "timeout", "status_503"}  # no model has seen the request
REQUEST_REASONS = {"status_400", "status_413"}  # the request was refused, the server is well


ENCODINGS: dict[str, tuple[str, Callable[[np.ndarray], bytes]]] = {
    "json": ("application/json", lambda window: orjson.dumps({"window": window}, option=orjson.OPT_SERIALIZE_NUMPY)),
    "float32": ("application/octet-stream", lambda window: window.tobytes()),
}


class TorchServeError(Exception):
    """The server gave no answer: connect, timeout, status_503 (or another status), protocol, answer, circuit_open."""

    def __init__(self, reason: str, detail: object) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class Translation(NamedTuple):
    """A sign, its confidence, the next likely signs; who answered, why it was not the server, and after how long."""

    prediction: str
    confidence: float
    alternatives: list[dict[str, Any]]  # {"sign": ..., "confidence": ...}
    device: str = ""
    version: str = ""
    source: Literal["torchserve", "local"] = "torchserve"
    reason: str = ""
    seconds: float = 0.0


Pipeline = Callable[[np.ndarray], Awaitable[tuple[Any, ...]]]
"""From a window [frames, features] to (prediction, confidence, alternatives) without a server."""


Outcome = Translation | TorchServeError


class ClientMetrics:
    """The Prometheus series of all clients that share a registry."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.errors = Counter("torchserve_errors", "Requests without an answer", ["reason"], registry=registry)
        self.retries = Counter("torchserve_retries", "Requests that were sent again", registry=registry)
        self.hedges = Counter("torchserve_hedges", "Local pipelines started beside a slow request", registry=registry)
        self.circuit_open = Gauge("torchserve_circuit_open", "1 while only probes are sent", registry=registry)
        self.latency = Histogram(
            "torchserve_latency_seconds", "Of answered requests, retries included", registry=registry,
            buckets=LATENCY_BUCKETS_SECONDS,
        )  # fmt: skip


class Circuit(StrEnum):
    """Closed sends every request; open sends none; half-open waits for the outcome of one probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class CircuitBreaker:
    """Opens after `failures` failures in a row, for `cooldown` seconds at first; `clock` gives seconds."""

    def __init__(self, failures: int, cooldown: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.state = Circuit.CLOSED
        self._limit, self._first_cooldown, self._clock = failures, cooldown, clock
        self._failures, self._cooldown, self._open_until = 0, cooldown, 0.0

    def __repr__(self) -> str:
        return f"<CircuitBreaker {self.state}, {self._failures} failures in a row>"

    @property
    def seconds_until_probe(self) -> float:
        """0 unless the circuit is open and cooling down."""
        return max(0.0, self._open_until - self._clock()) if self.state is Circuit.OPEN else 0.0

    def take_probe(self) -> bool:
        """Become half-open if the cool-down is over; the caller then sends a request and records its outcome.

        A probe whose outcome is never recorded is followed by another one after the same time.
        """
        if self.state is Circuit.CLOSED or self._clock() < self._open_until:
            return False
        self.state, self._open_until = Circuit.HALF_OPEN, self._clock() + self._cooldown
        return True

    def record_success(self) -> None:
        """Close the circuit."""
        self.state, self._failures, self._cooldown = Circuit.CLOSED, 0, self._first_cooldown

    def record_failure(self) -> None:
        """Count a failure; a failed probe doubles the cool-down."""
        self._failures += 1
        if self.state is Circuit.HALF_OPEN:
            self._cooldown = min(2 * self._cooldown, LONGEST_COOLDOWN_SECONDS)
        elif self.state is Circuit.OPEN or self._failures < self._limit:
            return
        self.state, self._open_until = Circuit.OPEN, self._clock() + self._cooldown


class TorchServeClient:
    """One for a whole backend, in one event loop: its requests share connections and circuit breaker.

    `local` answers where the server does not; without it, `predict` raises TorchServeError. It starts beside a request
    that has no answer after `hedge_seconds`, and the first right answer wins. `timeout_seconds` is the deadline of a
    request with its retries. `encoding` is {"window": [[...], ...]} or, with "float32", the window's bytes.
    """

    def __init__(
        self, base_url: str = "http://torchserve:8080", timeout_seconds: float = 2.0, max_retries: int = 1, *,
        local: Pipeline | None = None, model_name: str = "signflow", token: str | None = None,
        encoding: Literal["json", "float32"] = "json", hedge_seconds: float = 0.1, backoff_seconds: float = 0.02,
        failures: int = 5, cooldown_seconds: float = 2.0, connections: int = 64, metrics: ClientMetrics | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:  # fmt: skip
        self.base_url, self.model_name, self.local = base_url.rstrip("/"), model_name, local
        self.timeout_seconds, self.hedge_seconds = timeout_seconds, hedge_seconds
        self.max_retries, self.backoff_seconds = max_retries, backoff_seconds
        self.metrics = metrics or _default_metrics()
        self.breaker = CircuitBreaker(failures, cooldown_seconds)
        content_type, self._encode = ENCODINGS[encoding]
        self._headers = {"Content-Type": content_type}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        # One deadline holds for the whole request, so its steps have none.
        self.session = httpx.AsyncClient(limits=limits, timeout=None, transport=transport, trust_env=False)
        self._requests = set[asyncio.Task[Outcome]]()

    def __repr__(self) -> str:
        return f"<TorchServeClient of {self.base_url}, {self.breaker.state}, {len(self._requests)} requests>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel the open requests and close the connections."""
        for request in self._requests:
            request.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)
        await self.session.aclose()

    async def health_check(self) -> bool:
        """Whether the server answers /ping in time."""
        try:
            async with asyncio.timeout(self.timeout_seconds):
                return bool((await self.session.get(f"{self.base_url}/ping")).status_code == 200)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            return False

    async def predict(self, window: np.ndarray, model_name: str = "") -> tuple[str, float, list[dict[str, Any]]]:
        """(prediction, confidence, alternatives) of a window [frames, features]."""
        return (await self.translate(window, model_name))[:3]

    async def translate(self, window: np.ndarray, model_name: str = "") -> Translation:
        """The first right answer. Raises what the local pipeline raises, or TorchServeError where there is none."""
        started = time.perf_counter()
        translation = await self._translate(window, model_name or self.model_name)
        return translation._replace(seconds=time.perf_counter() - started)

    async def _translate(self, window: np.ndarray, model_name: str) -> Translation:
        if self.breaker.state is not Circuit.CLOSED:
            if self.breaker.take_probe():
                self._send(window, model_name)  # no user waits for a probe
            return await self._translate_locally(window, TorchServeError("circuit_open", repr(self.breaker)))
        request = self._send(window, model_name)
        await asyncio.wait({request}, timeout=None if self.local is None else self.hedge_seconds)
        if not request.done():
            return await self._race(window, request)
        outcome = request.result()
        return outcome if isinstance(outcome, Translation) else await self._translate_locally(window, outcome)

    async def _race(self, window: np.ndarray, request: asyncio.Task[Outcome]) -> Translation:
        """Start the local pipeline too. A request that loses goes on: the circuit breaker learns from it."""
        self.metrics.hedges.inc()
        local = asyncio.create_task(self._translate_locally(window, TorchServeError("slow", self.hedge_seconds)))
        try:
            await asyncio.wait({request, local}, return_when=asyncio.FIRST_COMPLETED)
            if local.done() and local.exception() is None:
                return local.result()
            outcome = await request
            return outcome if isinstance(outcome, Translation) else (await local)._replace(reason=outcome.reason)
        finally:
            local.cancel()

    async def _translate_locally(self, window: np.ndarray, error: TorchServeError) -> Translation:
        if self.local is None:
            raise error
        return Translation(*await self.local(window))._replace(source="local", reason=error.reason)

    def _send(self, window: np.ndarray, model_name: str) -> asyncio.Task[Outcome]:
        request = asyncio.create_task(self._request(window, model_name))
        self._requests.add(request)
        request.add_done_callback(self._requests.discard)
        return request

    async def _request(self, window: np.ndarray, model_name: str) -> Outcome:
        """Ask the server, again if no model has seen the request, and record the outcome."""
        started = time.perf_counter()
        outcome: Outcome = TorchServeError("timeout", f"{self.timeout_seconds} s")
        with suppress(TimeoutError):
            async with asyncio.timeout(self.timeout_seconds):
                content = self._encode(np.ascontiguousarray(window, "<f4"))
                for attempt in range(self.max_retries + 1):
                    if attempt:
                        self.metrics.retries.inc()
                        pause = self.backoff_seconds * 2 ** (attempt - 1)
                        await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311  # not all at once
                    outcome = await self._post(f"{self.base_url}/predictions/{model_name}", content)
                    if isinstance(outcome, Translation) or outcome.reason not in RETRYABLE_REASONS:
                        break
        self._record(outcome, time.perf_counter() - started)
        return outcome

    async def _post(self, url: str, content: bytes) -> Outcome:
        try:
            response = await self.session.post(url, content=content, headers=self._headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = "timeout" if isinstance(error, httpx.TimeoutException) else "protocol"
            is_unconnected = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
            return TorchServeError("connect" if is_unconnected else reason, repr(error))
        if response.status_code != 200:
            return TorchServeError(f"status_{response.status_code}", response.text[:200])
        try:
            fields, version = response.json(), response.headers.get("x-marserve-version", "")
            prediction, confidence, alternatives = fields["prediction"], fields["confidence"], fields["alternatives"]
            return Translation(prediction, float(confidence), alternatives, fields.get("device", ""), version)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return TorchServeError("answer", repr(error))

    def _record(self, outcome: Outcome, seconds: float) -> None:
        before = self.breaker.state
        if isinstance(outcome, Translation):
            self.metrics.latency.observe(seconds)
        else:
            self.metrics.errors.labels(outcome.reason).inc()
            details = {"event": "fallback", "reason": outcome.reason, "detail": str(outcome), "circuit": before}
            LOG.warning("The model server did not answer", extra=details)
        is_well = isinstance(outcome, Translation) or outcome.reason in REQUEST_REASONS
        (self.breaker.record_success if is_well else self.breaker.record_failure)()
        self.metrics.circuit_open.set(self.breaker.state is not Circuit.CLOSED)
        if (before is Circuit.CLOSED) is not (self.breaker.state is Circuit.CLOSED):
            LOG.warning("The circuit is %s", self.breaker.state, extra={"event": "circuit"})


@cache
def _default_metrics() -> ClientMetrics:
    return ClientMetrics()
