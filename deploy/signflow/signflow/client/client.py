"""Translates windows by the model server, and in this process whenever the server does not: a signer sees no error.

For TorchServe and marserve alike. It needs httpx2, prometheus-client and pydantic-settings.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx2
import numpy as np

from .circuit_breaker import Breaker, Circuit
from .failures import FAILURES, is_the_servers, is_worth_a_retry, kind_of, read_answer
from .metrics import ClientMetrics
from .settings import Settings

LOG = logging.getLogger("signflow.client")

Answer = Mapping[str, Any]
"""{"prediction": str, "confidence": float, "alternatives": [{"sign": str, "confidence": float}, ...], "device": str}"""
Pipeline = Callable[[np.ndarray], Awaitable[Answer]]
"""The way from a window [64, 469] to an answer without a server."""


@dataclass(frozen=True, slots=True)
class Translation:
    """An answer, where it comes from ("torchserve" or "local"), and what it took."""

    answer: Answer
    source: str
    seconds: float


class Client:
    """One for the whole backend, in one event loop: all its requests share the connections and the breaker."""

    def __init__(
        self,
        settings: Settings,
        local: Pipeline,
        metrics: ClientMetrics | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.settings = settings
        self.local = local
        self.metrics = metrics or ClientMetrics()
        self.breaker = Breaker(settings.failures, settings.cooldown_ms / 1000)
        limits = httpx2.Limits(max_connections=settings.connections, max_keepalive_connections=settings.connections)
        # One deadline holds for the whole request, so its steps have none.
        self._http = httpx2.AsyncClient(limits=limits, timeout=None, transport=transport, trust_env=False)

    def __repr__(self) -> str:
        return f"<Client of {self.settings.address}, {self.breaker.state}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    def flip(self, **flags: Any) -> None:
        """Change settings while running, use_torchserve and rollout_percent say; raises ValueError."""
        self.settings = Settings(**self.settings.model_dump() | flags)
        LOG.info("Settings changed", extra={"event": "flipped", **flags})

    async def translate(self, window: np.ndarray, key: str) -> Translation:
        """Translate a window [64, 469] of the user with this key; raises only what the local pipeline raises."""
        started = time.perf_counter()
        answer, source = None, "torchserve"
        if self.settings.sends(key) and self.breaker.admits():
            answer = await self._ask(np.ascontiguousarray(window, "<f4").tobytes())
        if answer is None:
            answer, source = await self.local(window), "local"
        seconds = time.perf_counter() - started
        self.metrics.translations.labels(source).observe(seconds)
        return Translation(answer, source, seconds)

    async def _ask(self, body: bytes) -> Answer | None:
        """The server's answer; None where there is none, which is counted, logged and told to the breaker."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self.settings.timeout_ms / 1000):
                answer = await self._post(body)
        except FAILURES as failure:
            self._note(failure)
            return None
        except BaseException:  # the signer left
            self.breaker.told_nothing()
            raise
        self.metrics.latency.observe(time.perf_counter() - started)
        self._tell_breaker(self.breaker.succeeded)
        return answer

    async def _post(self, body: bytes) -> Answer:
        """Ask until there is an answer, or a failure that a further request would not mend."""
        for pause in self._pauses():
            try:
                return await self._post_once(body)
            except FAILURES as failure:
                if not is_worth_a_retry(failure):
                    raise
            self.metrics.retries.inc()
            await asyncio.sleep(pause)
        return await self._post_once(body)

    async def _post_once(self, body: bytes) -> Answer:
        settings = self.settings
        return read_answer(await self._http.post(settings.address, content=body, headers=settings.headers))

    def _pauses(self) -> Iterator[float]:
        """Seconds before each retry, shortened at random, so that callers do not all come back at once."""
        for retry in range(self.settings.retries):
            yield self.settings.backoff_ms / 1000 * 2**retry * random.uniform(0.5, 1)  # noqa: S311

    def _note(self, failure: BaseException) -> None:
        reason = kind_of(failure)
        self.metrics.errors.labels(reason).inc()
        self._tell_breaker(self.breaker.failed if is_the_servers(failure) else self.breaker.told_nothing)
        details = {"event": "fallback", "reason": reason, "detail": str(failure), "circuit": self.breaker.state}
        LOG.warning("The model server did not translate", extra=details)

    def _tell_breaker(self, outcome: Callable[[], None]) -> None:
        before = self.breaker.state
        outcome()
        now = self.breaker.state
        self.metrics.open.set(now is not Circuit.CLOSED)
        if Circuit.CLOSED in (before, now) and now is not before:
            LOG.warning("The circuit is %s", now, extra={"event": "circuit", "circuit": now})
