"""A model server of the tests' own, behind the client's transport."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import numpy as np
from prometheus_client import CollectorRegistry

from signflow.torchserve_client import ClientMetrics, TorchServeClient

WINDOW = np.arange(64 * 469, dtype=np.float32).reshape(64, 469)
ANSWER = {"prediction": "yes", "confidence": 0.9, "alternatives": [{"sign": "no", "confidence": 0.1}], "device": "cpu"}
LOCAL_ANSWER = ("no", 0.8, [], "cpu")
Reply = int | Exception | httpx2.Response


class Server:
    """Gives the replies in turn, the last one for ever, and keeps the requests."""

    def __init__(self, *replies: Reply) -> None:
        self.replies, self.requests = list(replies), list[httpx2.Request]()

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, httpx2.Response):
            return httpx2.Response(reply.status_code, content=reply.content, headers=reply.headers)
        return httpx2.Response(reply, json=ANSWER if reply == 200 else {"code": reply, "message": "no"})


class GatedServer(Server):
    """Answers only while its gate is open."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__(*replies)
        self.gate = asyncio.Event()

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        await self.gate.wait()
        self.requests.pop()
        return await super().__call__(request)


async def local(window: np.ndarray) -> tuple[Any, ...]:
    """A pipeline without a server."""
    return LOCAL_ANSWER


def make_client(
    server: Callable[[httpx2.Request], Any], base_url: str = "http://models", **options: Any
) -> TorchServeClient:
    """A client with a circuit breaker that stays open for the test."""
    given = {"timeout_seconds": 10, "max_retries": 2, "backoff_seconds": 0, "failures": 3, "cooldown_seconds": 60}
    given |= {"local": local, "hedge_seconds": 5, **options}
    metrics = ClientMetrics(CollectorRegistry())
    return TorchServeClient(base_url, **given, metrics=metrics, transport=httpx2.MockTransport(server))


async def sources(client: TorchServeClient, times: int) -> list[str]:
    """The translator of each of so many windows, one after another."""
    return [(await client.translate(WINDOW)).source for _ in range(times)]


def count_errors(client: TorchServeClient, reason: str) -> float:
    """The value of torchserve_errors_total."""
    return float(client.metrics.errors.labels(reason)._value.get())
