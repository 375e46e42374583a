"""The client never waits for a server that does not answer: hedges, open circuits, and probes beside the answers."""

import asyncio
from typing import Any

import httpx2
import numpy as np
import pytest

from signflow.torchserve_client import Circuit, TorchServeClient, TorchServeError
from tests.signflow.torchserve_client.server import (
    LOCAL_ANSWER,
    WINDOW,
    GatedServer,
    Server,
    count_errors,
    make_client,
    sources,
)

pytestmark = pytest.mark.anyio


async def until_idle(client: TorchServeClient) -> None:
    """Wait for the requests that go on beside the answers."""
    await asyncio.gather(*client._requests)


async def test_a_slow_server_loses_to_the_local_pipeline_and_is_not_held_to_have_failed() -> None:
    server = GatedServer(200)
    async with make_client(server, hedge_seconds=0.01) as client:
        translation = await client.translate(WINDOW)
        assert (translation[:4], translation.source, translation.reason) == (LOCAL_ANSWER, "local", "slow")
        assert client.metrics.hedges._value.get() == 1
        assert repr(client).endswith("closed, 1 requests>")
        server.gate.set()
        await until_idle(client)
        assert client.breaker._failures == 0
        assert client.metrics.latency._sum.get() >= 0.01
        assert await sources(client, 2) == ["torchserve"] * 2


async def test_the_server_wins_if_the_local_pipeline_is_slower_or_fails() -> None:
    server = GatedServer(200)

    async def slow(window: np.ndarray) -> tuple[Any, ...]:
        server.gate.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def broken(window: np.ndarray) -> tuple[Any, ...]:
        asyncio.get_running_loop().call_soon(server.gate.set)
        raise RuntimeError("no model here")

    for pipeline in (slow, broken):
        server.gate.clear()
        async with make_client(server, local=pipeline, hedge_seconds=0.01) as client:
            assert await sources(client, 1) == ["torchserve"]


async def test_a_request_that_fails_during_the_race_gives_its_reason() -> None:
    server = GatedServer(500)

    async def pipeline(window: np.ndarray) -> tuple[Any, ...]:
        server.gate.set()
        await until_idle(client)
        return LOCAL_ANSWER

    async with make_client(server, local=pipeline, hedge_seconds=0.01) as client:
        translation = await client.translate(WINDOW)
    assert (translation.source, translation.reason) == ("local", "status_500")


async def test_if_both_fail_the_local_error_is_raised() -> None:
    server = GatedServer(500)

    async def broken(window: np.ndarray) -> tuple[Any, ...]:
        server.gate.set()
        raise RuntimeError("no model here")

    async with make_client(server, local=broken, hedge_seconds=0.01) as client:
        with pytest.raises(RuntimeError, match="no model here"):
            await client.translate(WINDOW)


async def test_a_hung_server_opens_the_circuit_by_its_timeouts_although_nobody_waits_for_them() -> None:
    async with make_client(GatedServer(200), hedge_seconds=0, timeout_seconds=0.02) as client:
        assert await sources(client, 3) == ["local"] * 3
        await until_idle(client)
        assert client.breaker.state is Circuit.OPEN
        assert count_errors(client, "timeout") == 3
        assert (await client.translate(WINDOW)).reason == "circuit_open"


async def test_an_open_circuit_costs_the_server_nothing() -> None:
    server = Server(500)
    async with make_client(server) as client:
        await sources(client, 10)
        assert client.metrics.circuit_open._value.get() == 1
        assert 0 < client.breaker.seconds_until_probe <= 60
    assert len(server.requests) == 3


async def test_without_a_local_pipeline_an_open_circuit_raises_at_once() -> None:
    async with make_client(Server(500), local=None) as client:
        for reason in ("status_500",) * 3 + ("circuit_open",):
            with pytest.raises(TorchServeError, match=reason):
                await client.predict(WINDOW)


async def test_a_probe_runs_beside_the_local_answer_and_closes_the_circuit() -> None:
    server = GatedServer(500, 500, 500, 200)
    server.gate.set()
    async with make_client(server, cooldown_seconds=0) as client:
        await sources(client, 3)
        server.gate.clear()
        assert [(await client.translate(WINDOW)).reason for _ in range(5)] == ["circuit_open"] * 5
        server.gate.set()
        await until_idle(client)
        assert client.breaker.state is Circuit.CLOSED
        assert client.metrics.circuit_open._value.get() == 0
        assert await sources(client, 3) == ["torchserve"] * 3


async def test_refused_windows_do_not_open_the_circuit() -> None:
    server = Server(400)
    async with make_client(server) as client:
        await sources(client, 10)
    assert len(server.requests) == 10


async def test_a_caller_that_is_cancelled_leaves_nothing_behind() -> None:
    server, started = GatedServer(200), asyncio.Event()

    async def pipeline(window: np.ndarray) -> tuple[Any, ...]:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with make_client(server, local=pipeline, hedge_seconds=0.01) as client:
        caller = asyncio.create_task(client.translate(WINDOW))
        await started.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        server.gate.set()
        await until_idle(client)
        assert client.breaker.state is Circuit.CLOSED
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not [task for task in others if "translate" in repr(task)]


async def test_closing_cancels_the_open_requests() -> None:
    server = GatedServer(200)
    async with make_client(server, hedge_seconds=0) as client:
        await client.translate(WINDOW)
    assert client.session.is_closed
    assert len(client._requests) == 0
    with pytest.raises(RuntimeError, match="closed"):
        await client.session.send(httpx2.Request("GET", "http://models"))
