"""SignFlow's client: what it sends, when it tries again, when it translates by itself, and what it counts."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import httpx2
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from signflow.client.circuit_breaker import Circuit
from signflow.client.client import Client, Translation
from signflow.client.metrics import ClientMetrics
from signflow.client.settings import Settings

pytestmark = pytest.mark.anyio

WINDOW = np.arange(64 * 469, dtype=np.float32).reshape(64, 469)
ANSWER = {"prediction": "yes", "confidence": 0.9, "alternatives": [], "device": "cpu"}
OWN = {"prediction": "no", "confidence": 0.8, "alternatives": [], "device": "cpu"}
Reply = int | Exception | httpx2.Response


class Server:
    """Answers in turn with what it is told, the last one for ever, and keeps the requests."""

    def __init__(self, *replies: Reply) -> None:
        self.replies, self.requests = list(replies), list[httpx2.Request]()

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, httpx2.Response):
            return httpx2.Response(reply.status_code, content=reply.content)
        return httpx2.Response(reply, json=ANSWER if reply == 200 else {"code": reply, "message": "no"})


async def own(window: np.ndarray) -> dict[str, Any]:
    """The pipeline without a server."""
    return OWN


def make_client(server: Callable[[httpx2.Request], Any], local: Any = own, **settings: Any) -> Client:
    chosen = Settings(**{"backoff_ms": 0, "failures": 3, "cooldown_ms": 60_000, "timeout_ms": 10_000, **settings})
    return Client(chosen, local, ClientMetrics(CollectorRegistry()), httpx2.MockTransport(server))


async def sources(client: Client, times: int) -> list[str]:
    return [(await client.translate(WINDOW, "someone")).source for _ in range(times)]


def count(client: Client, reason: str) -> float:
    return float(client.metrics.errors.labels(reason)._value.get())


async def test_a_window_goes_out_as_bytes_and_the_answer_comes_back() -> None:
    server = Server(200)
    async with make_client(server, url="http://models:9000/", model="sign/2.0", token="secret") as client:
        translation = await client.translate(WINDOW.astype(">f8"), "someone")
    assert (translation.answer, translation.source) == (ANSWER, "torchserve")
    assert str(server.requests[0].url) == "http://models:9000/predictions/sign/2.0"
    assert server.requests[0].content == WINDOW.astype("<f4").tobytes()
    assert server.requests[0].headers["content-type"] == "application/octet-stream"
    assert server.requests[0].headers["authorization"] == "Bearer secret"
    assert client.metrics.latency._sum.get() <= translation.seconds


@pytest.mark.parametrize("failure", [503, httpx2.ConnectError("refused"), httpx2.ConnectTimeout("no route")], ids=str)
async def test_what_reached_no_model_is_sent_again(failure: Reply) -> None:
    server = Server(failure, failure, 200)
    async with make_client(server) as client:
        assert await sources(client, 1) == ["torchserve"]
    assert len(server.requests) == 3
    assert client.metrics.retries._value.get() == 2


FAILURES: list[tuple[Reply, str, int]] = [
    (503, "status_503", 3),
    (httpx2.ConnectError("refused"), "connect", 3),
    (httpx2.ConnectTimeout("no route"), "timeout", 3),
    (500, "status_500", 1),
    (404, "status_404", 1),
    (400, "status_400", 1),
    (httpx2.ReadTimeout("slow"), "timeout", 1),
    (httpx2.ReadError("reset"), "protocol", 1),
    (httpx2.RemoteProtocolError("gone"), "protocol", 1),
    (httpx2.Response(200, content=b"<html>"), "answer", 1),
    (httpx2.Response(200, json=["yes"]), "answer", 1),
    (httpx2.Response(200, json={"prediction": "yes"}), "answer", 1),
]


@pytest.mark.parametrize(("failure", "reason", "requests"), FAILURES)
async def test_whatever_the_server_does_the_signer_gets_an_answer(
    failure: Reply, reason: str, requests: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Only what reached no model is sent again; everything is counted and logged with its reason."""
    server = Server(failure)
    async with make_client(server) as client:
        translation = await client.translate(WINDOW, "someone")
    assert (translation.answer, translation.source) == (OWN, "local")
    assert (len(server.requests), count(client, reason)) == (requests, 1)
    [record] = [record for record in caplog.records if record.name == "signflow.client"]
    assert (record.event, record.reason, record.levelno) == ("fallback", reason, logging.WARNING)


async def test_the_pauses_grow_and_vary() -> None:
    async with make_client(Server(200), backoff_ms=100, retries=4) as client:
        rows = np.array([list(client._pauses()) for _ in range(50)])
    most = 0.1 * 2.0 ** np.arange(4)
    assert (rows <= most).all()
    assert (rows >= most / 2).all()
    assert (rows.std(axis=0) > 0).all()


async def test_one_deadline_holds_for_the_request_and_its_retries() -> None:
    async with make_client(Server(503), backoff_ms=60_000, timeout_ms=30) as client:
        assert await sources(client, 1) == ["local"]
    assert count(client, "timeout") == 1


async def test_a_server_that_hangs_is_waited_for_no_longer_than_the_deadline() -> None:
    async def hang(request: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with make_client(hang, timeout_ms=30) as client:
        translation = await client.translate(WINDOW, "someone")
    assert translation.source == "local"
    assert translation.seconds < 5


async def test_a_server_that_keeps_failing_is_left_alone_and_comes_back_by_itself() -> None:
    server = Server(500, 500, 500, 500, 200)
    async with make_client(server, cooldown_ms=1) as client:
        assert await sources(client, 3) == ["local"] * 3
        assert client.breaker.state is Circuit.OPEN
        assert client.metrics.open._value.get() == 1
        while (await sources(client, 1)) == ["local"]:
            await asyncio.sleep(0.001)
        assert client.metrics.open._value.get() == 0
        assert await sources(client, 3) == ["torchserve"] * 3
    assert repr(client) == "<Client of http://127.0.0.1:8080/predictions/sign, closed>"


async def test_an_open_circuit_costs_the_server_nothing() -> None:
    server = Server(500)
    async with make_client(server) as client:
        await sources(client, 10)
    assert len(server.requests) == 3


async def test_refused_windows_do_not_open_the_circuit() -> None:
    server = Server(400)
    async with make_client(server) as client:
        await sources(client, 10)
    assert len(server.requests) == 10


async def test_a_signer_who_leaves_during_the_trial_does_not_leave_the_circuit_half_open() -> None:
    asked = asyncio.Event()
    replies = [500, 500, 500]

    async def server(request: httpx2.Request) -> httpx2.Response:
        if replies:
            return httpx2.Response(replies.pop())
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with make_client(server, cooldown_ms=1) as client:
        await sources(client, 3)
        while client.breaker.state is not Circuit.HALF_OPEN:
            trial = asyncio.create_task(client.translate(WINDOW, "someone"))
            await asyncio.wait({trial, waiting := asyncio.create_task(asked.wait())}, return_when="FIRST_COMPLETED")
            waiting.cancel()
        trial.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trial
        assert client.breaker.admits()


async def test_the_flag_decides_and_is_flipped_while_running() -> None:
    server = Server(200)
    async with make_client(server, use_torchserve=False) as client:
        assert await sources(client, 2) == ["local"] * 2
        client.flip(use_torchserve=True)
        assert await sources(client, 2) == ["torchserve"] * 2
        client.flip(rollout_percent=0)
        assert await sources(client, 2) == ["local"] * 2
        with pytest.raises(ValueError, match="rollout_percent"):
            client.flip(rollout_percent=101)
    assert len(server.requests) == 2


async def test_what_the_local_pipeline_raises_reaches_the_caller() -> None:
    async def broken(window: np.ndarray) -> dict[str, Any]:
        raise RuntimeError("no model here")

    async with make_client(Server(500), broken) as client:
        with pytest.raises(RuntimeError, match="no model here"):
            await client.translate(WINDOW, "someone")


async def test_many_callers_share_the_connections_and_all_get_answers() -> None:
    busy = most = 0

    async def server(request: httpx2.Request) -> httpx2.Response:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0)
        busy -= 1
        return httpx2.Response(200, json=ANSWER)

    async with make_client(server) as client:
        found: list[Translation] = await asyncio.gather(*(client.translate(WINDOW, str(n)) for n in range(50)))
    assert {each.source for each in found} == {"torchserve"}
    assert most > 1


def test_the_environment_says_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USE_TORCHSERVE", "false")
    monkeypatch.setenv("TORCHSERVE_URL", "http://models:8080")
    monkeypatch.setenv("TORCHSERVE_TIMEOUT_MS", "250")
    monkeypatch.setenv("TORCHSERVE_ROLLOUT_PERCENT", "12.5")
    settings = Settings()
    assert (settings.use_torchserve, settings.timeout_ms, settings.rollout_percent) == (False, 250, 12.5)
    assert settings.address == "http://models:8080/predictions/sign"


def test_a_flip_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USE_TORCHSERVE", "true")
    monkeypatch.setenv("TORCHSERVE_ROLLOUT_PERCENT", "100")
    client = make_client(Server(200))
    client.flip(use_torchserve=False, rollout_percent=1)
    assert (client.settings.use_torchserve, client.settings.rollout_percent) == (False, 1)


def test_a_rollout_takes_its_share_of_the_users_and_keeps_those_it_has() -> None:
    users = [f"user-{number}" for number in range(4000)]
    shares = [Settings(rollout_percent=percent) for percent in (0, 10, 50, 100)]
    chosen = {each.rollout_percent: {user for user in users if each.sends(user)} for each in shares}
    assert (len(chosen[0]), len(chosen[100])) == (0, 4000)
    assert len(chosen[10]) == pytest.approx(400, abs=80)
    assert chosen[10] < chosen[50]
