"""SignFlow on a real TorchServe, if MARSERVE_CONFORMANCE_COMMAND names one: the same archives, answers and client."""

import asyncio
import json
import os
import shlex
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from handler.job import Input
from signflow.benchmark.comparison import FLAGS, MARSERVE
from signflow.benchmark.server_under_test import ServerUnderTest, ServingOptions
from signflow.local_pipeline import LocalPipeline
from signflow.torchserve_client import ClientMetrics, TorchServeClient
from tests.handler.examples.signflow.test_handler import FORMS, MALFORMED, WINDOW, archive
from tests.support.processes import TIMEOUT_SECONDS

COMMAND = os.environ.get("MARSERVE_CONFORMANCE_COMMAND")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMMAND is None, reason="MARSERVE_CONFORMANCE_COMMAND names no TorchServe"),
    pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning"),
]
ORIGINAL = f"env --unset=PYTHONPATH {shlex.quote(str(COMMAND))} {FLAGS}"
VARIANTS = ("onnx", "transformer.onnx", "transformer.pt", "gcn.pt")
TOLERANCE = 2e-3
"""Of confidences: the two servers have numpy, torch and ONNX Runtime of their own."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model store for each way to run a model, with sign.mar."""
    stores = {variant: tmp_path_factory.mktemp(variant) for variant in VARIANTS}
    for variant, store in stores.items():
        archive(variant, store)
    return stores


@pytest.fixture(params=VARIANTS)
def servers(
    request: pytest.FixtureRequest, stores: dict[str, Path], tmp_path: Path
) -> Iterator[tuple[ServerUnderTest, ServerUnderTest]]:
    """TorchServe and marserve with the same archive, in batches of eight."""
    store = stores[request.param]
    with (
        ServerUnderTest("TorchServe", ORIGINAL, tmp_path, store) as one,
        ServerUnderTest("marserve", MARSERVE, tmp_path, store) as other,
    ):
        for server in (one, other):
            server.register(ServingOptions(workers=1, batch=8, delay=50))
        yield one, other


def post(server: ServerUnderTest, request_input: Input) -> tuple[int, Any]:
    """Status and answer."""
    [*parts] = request_input.parts
    if len(parts) == 1 and parts[0].name == "body":
        kind, content = parts[0].content_type, parts[0].value
    else:
        kind = "application/x-www-form-urlencoded"
        content = urllib.parse.urlencode({part.name: part.value for part in parts}).encode()
    url = f"http://127.0.0.1:{server.port}/predictions/sign"
    request = urllib.request.Request(url, content, {"Content-Type": kind} if kind else {"Content-Type": "unknown/kind"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def test_both_servers_answer_every_request_alike(servers: tuple[ServerUnderTest, ServerUnderTest]) -> None:
    """Good and malformed ones come at once, so that they share batches."""
    requests = FORMS | {name: malformed for name, (malformed, _) in MALFORMED.items()}
    with ThreadPoolExecutor(16) as pool:
        one, other = ([*pool.map(post, [server] * len(requests), requests.values())] for server in servers)
    for name, wanted, found in zip(requests, one, other, strict=True):
        assert (name, *without_confidences(wanted)) == (name, *without_confidences(found))
        assert confidences(wanted) == pytest.approx(confidences(found), abs=TOLERANCE)
    assert {status for status, _ in one[: len(FORMS)]} == {200}
    assert {status for status, _ in one[len(FORMS) :]} == {400}


def without_confidences(answer: tuple[int, Any]) -> tuple[int, Any]:
    """The members that must be equal."""
    status, body = answer
    return status, (body["prediction"], body["device"]) if status == 200 else body


def confidences(answer: tuple[int, Any]) -> list[float]:
    """Of the four signs; nothing for a malformed request."""
    status, body = answer
    return [each["confidence"] for each in (body, *body["alternatives"])] if status == 200 else []


@pytest.mark.anyio
async def test_the_client_asks_it_does_without_it_and_comes_back(stores: dict[str, Path], tmp_path: Path) -> None:
    original = ServerUnderTest("TorchServe", ORIGINAL, tmp_path, stores["onnx"])
    url, metrics = f"http://127.0.0.1:{original.port}", ClientMetrics(CollectorRegistry())

    async def sources() -> set[str]:
        found = await asyncio.gather(*(client.translate(WINDOW) for _ in range(16)))
        assert {each.prediction for each in found} == {"please"}
        return {each.source for each in found}

    with closing(LocalPipeline()) as local:
        async with TorchServeClient(
            url, 20, local=local, model_name="sign", encoding="float32", hedge_seconds=20, failures=2,
            cooldown_seconds=0.05, metrics=metrics,
        ) as client:  # fmt: skip
            with original:
                original.register(ServingOptions(workers=1, batch=8, delay=5))
                assert await sources() == {"torchserve"}
            assert await sources() == {"local"}
            with original:
                original.register(ServingOptions(workers=1, batch=8, delay=5))
                while await sources() != {"torchserve"}:
                    await asyncio.sleep(0.05)
