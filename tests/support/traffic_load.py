"""Users who ask a model without naming a version, over HTTP and gRPC, and the versions that answered."""

import asyncio
import random
import time
from types import TracebackType
from typing import Any, NamedTuple, Self

import grpc
import grpc.aio
import httpx2

from tests.support.grpc_client import OPTIONS, prediction, stubs
from tests.support.processes import TIMEOUT_SECONDS

MODEL = "m"
USERS = 200
RETRY_SECONDS = 0.05
LOST = "lost"
"""The outcome of a request that got no answer, however often it was sent."""


class Answer(NamedTuple):
    """The answer to one request: `outcome` is its text, or the status; `version` is named by header or trailer."""

    front: str
    user: str
    outcome: str
    version: str
    seconds: float


class TrafficLoad:
    """Sends requests when they are due (Poisson), half of them over gRPC. A refused connection is tried again.

    `answers` collects them all; a user's number is `x-user`, as header or metadata.
    """

    def __init__(self, port: int, grpc_port: int, rate: float, seed: int = 1) -> None:
        self.answers: list[Answer] = []
        self._where, self._grpc_where, self._rate = f"http://127.0.0.1:{port}", f"127.0.0.1:{grpc_port}", rate
        self._random = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<TrafficLoad of {self._rate}/s: {len(self.answers)} answers>"

    async def __aenter__(self) -> Self:
        self._http = httpx2.AsyncClient(timeout=TIMEOUT_SECONDS)
        self._channel = grpc.aio.insecure_channel(self._grpc_where, OPTIONS)
        self._stub = stubs("inference")[1].InferenceAPIsServiceStub(self._channel)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()
        await self._channel.close()

    async def send(self, seconds: float) -> list[Answer]:
        """Send for so long, and wait for the answers; returns those."""
        before, due, end = len(self.answers), time.perf_counter(), time.perf_counter() + seconds
        while (due := due + self._random.expovariate(self._rate)) < end:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            self._start()
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        return self.answers[before:]

    def _start(self) -> None:
        user = f"user-{self._random.randrange(USERS)}"
        ask, front = (self._ask_http, "http") if self._random.random() < 0.5 else (self._ask_grpc, "grpc")
        task = asyncio.create_task(self._ask(ask, front, user))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, ask: Any, front: str, user: str) -> None:
        started = time.perf_counter()
        outcome, version = LOST, ""
        while outcome == LOST and time.perf_counter() < started + TIMEOUT_SECONDS:
            outcome, version = await ask(user)
            if outcome == LOST:
                await asyncio.sleep(RETRY_SECONDS)
        self.answers.append(Answer(front, user, outcome, version, time.perf_counter() - started))

    async def _ask_http(self, user: str) -> tuple[str, str]:
        try:
            answer = await self._http.post(f"{self._where}/predictions/{MODEL}", content="a", headers={"x-user": user})
        except httpx2.TransportError:
            return LOST, ""
        text = answer.text if answer.status_code == httpx2.codes.OK else str(answer.status_code)
        return text, answer.headers.get("x-marserve-version", "")

    async def _ask_grpc(self, user: str) -> tuple[str, str]:
        call = self._stub.Predictions(
            prediction("a", MODEL), timeout=TIMEOUT_SECONDS, metadata=[("x-user", user)], wait_for_ready=True
        )
        try:
            outcome = (await call).prediction.decode()
        except grpc.aio.AioRpcError as error:
            outcome = LOST if _is_broken(error) else error.code().name
        return outcome, dict(await call.trailing_metadata() or ()).get("x-marserve-version", "")


def _is_broken(error: grpc.aio.AioRpcError) -> bool:
    """Whether the connection failed, not the model: such an error has no message of the server's."""
    return error.code() is grpc.StatusCode.UNAVAILABLE and "InternalServerException" not in (error.details() or "")
