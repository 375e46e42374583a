"""The client's requests: what is sent, what is sent again, and what becomes of every failure."""

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

import httpx2
import numpy as np
import orjson
import pytest

from signflow import torchserve_client
from signflow.torchserve_client import TorchServeClient, TorchServeError, Translation
from tests.signflow.torchserve_client.server import (
    ANSWER,
    LOCAL_ANSWER,
    WINDOW,
    Reply,
    Server,
    count_errors,
    make_client,
    sources,
)

pytestmark = pytest.mark.anyio


async def test_predict_sends_the_window_as_json_and_returns_prediction_confidence_and_alternatives() -> None:
    server = Server(200)
    async with make_client(server, "http://models:9000/", local=None) as client:
        assert await client.predict(WINDOW.astype(">f8")) == ("yes", 0.9, ANSWER["alternatives"])
        await client.predict(WINDOW, "other/2.0")
    assert [str(request.url) for request in server.requests] == [
        "http://models:9000/predictions/signflow",
        "http://models:9000/predictions/other/2.0",
    ]
    assert server.requests[0].headers["content-type"] == "application/json"
    assert orjson.loads(server.requests[0].content) == {"window": WINDOW.tolist()}


async def test_a_window_may_go_out_as_bytes_with_a_token() -> None:
    server = Server(httpx2.Response(200, json=ANSWER, headers={"X-Marserve-Version": "2.0"}))
    async with make_client(server, model_name="sign", token="secret", encoding="float32") as client:
        translation = await client.translate(WINDOW.astype(">f8"))
    assert translation[:5] == ("yes", 0.9, ANSWER["alternatives"], "cpu", "2.0")
    assert (translation.source, translation.reason) == ("torchserve", "")
    assert server.requests[0].content == WINDOW.astype("<f4").tobytes()
    assert server.requests[0].headers["content-type"] == "application/octet-stream"
    assert server.requests[0].headers["authorization"] == "Bearer secret"
    assert client.metrics.latency._sum.get() <= translation.seconds


@pytest.mark.parametrize("failure", [503, httpx2.ConnectError("refused"), httpx2.ConnectTimeout("no route")], ids=str)
async def test_requests_that_reached_no_model_are_sent_again(failure: Reply) -> None:
    server = Server(failure, failure, 200)
    async with make_client(server) as client:
        assert await sources(client, 1) == ["torchserve"]
    assert len(server.requests) == 3
    assert client.metrics.retries._value.get() == 2


FAILURES: list[tuple[Reply, str, int]] = [
    (503, "status_503", 3),
    (httpx2.ConnectError("refused"), "connect", 3),
    (httpx2.ConnectTimeout("no route"), "connect", 3),
    (httpx2.PoolTimeout("busy"), "timeout", 3),
    (500, "status_500", 1),
    (404, "status_404", 1),
    (400, "status_400", 1),
    (httpx2.ReadError("reset"), "protocol", 1),
    (httpx2.RemoteProtocolError("gone"), "protocol", 1),
    (httpx2.Response(200, content=b"<html>"), "answer", 1),
    (httpx2.Response(200, json=["yes"]), "answer", 1),
    (httpx2.Response(200, json={"prediction": "yes"}), "answer", 1),
    (httpx2.Response(200, json={"prediction": "yes", "confidence": "high", "alternatives": []}), "answer", 1),
]


@pytest.mark.parametrize(("failure", "reason", "requests"), FAILURES)
async def test_every_failure_ends_in_the_local_answer_and_is_counted_and_logged(
    failure: Reply, reason: str, requests: int, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(failure)
    async with make_client(server) as client:
        translation = await client.translate(WINDOW)
    assert (translation[:4], translation.source, translation.reason) == (LOCAL_ANSWER, "local", reason)
    assert (len(server.requests), count_errors(client, reason)) == (requests, 1)
    [record] = [record for record in caplog.records if record.name == "signflow.client"]
    assert (record.event, record.reason, record.levelno) == ("fallback", reason, logging.WARNING)


async def test_without_a_local_pipeline_a_failure_is_raised_with_its_reason() -> None:
    async with make_client(Server(500), local=None) as client:
        with pytest.raises(TorchServeError, match="status_500") as raised:
            await client.predict(WINDOW)
        assert raised.value.reason == "status_500"


async def test_one_deadline_holds_for_the_request_and_its_retries() -> None:
    async with make_client(Server(503), local=None, backoff_seconds=60, timeout_seconds=0.03) as client:
        with pytest.raises(TorchServeError, match="status_503"):
            await client.predict(WINDOW)


async def test_a_hung_server_is_waited_for_no_longer_than_the_deadline() -> None:
    async def hang(request: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with make_client(hang, local=None, timeout_seconds=0.03) as client:
        with pytest.raises(TorchServeError, match="timeout"):
            await client.predict(WINDOW)
        assert not await client.health_check()


async def test_the_health_check_asks_ping() -> None:
    server = Server(200, 503, httpx2.ConnectError("refused"))
    async with make_client(server) as client:
        assert [await client.health_check() for _ in range(3)] == [True, False, False]
    assert {request.url.path for request in server.requests} == {"/ping"}
    async with TorchServeClient("http://no port:here") as client:
        assert not await client.health_check()


async def test_what_the_local_pipeline_raises_reaches_the_caller() -> None:
    async def broken(window: np.ndarray) -> tuple[str, float, list[object]]:
        raise RuntimeError("no model here")

    async with make_client(Server(500), local=broken) as client:
        with pytest.raises(RuntimeError, match="no model here"):
            await client.predict(WINDOW)


async def test_many_tasks_share_the_connections_and_all_get_answers() -> None:
    busy = most = 0

    async def server(request: httpx2.Request) -> httpx2.Response:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0)
        busy -= 1
        return httpx2.Response(200, json=ANSWER)

    async with make_client(server) as client:
        found: list[Translation] = await asyncio.gather(*(client.translate(WINDOW) for _ in range(50)))
    assert {each.source for each in found} == {"torchserve"}
    assert most > 1


def test_clients_with_the_defaults_share_their_metrics() -> None:
    one, other = TorchServeClient(), TorchServeClient("http://elsewhere")
    assert one.metrics is other.metrics
    assert repr(one) == "<TorchServeClient of http://torchserve:8080, closed, 0 requests>"


def test_the_file_works_alone_and_imports_nothing_of_marserve(tmp_path: Path) -> None:
    """Copied beside a package `app` of a team's own, without signflow or marserve on the path."""
    source = Path(torchserve_client.__file__).read_text()
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").touch()
    (tmp_path / "app" / "torchserve_client.py").write_text(source)
    program = "import sys, app.torchserve_client as t; t.TorchServeClient(); print(sorted(sys.modules))"
    known = subprocess.check_output([sys.executable, "-c", program], cwd=tmp_path, text=True)
    ours = {"'handler", "'model_registry", "'signflow", "'app.cli", "'app.http"}
    assert not any(name in known for name in ours)
