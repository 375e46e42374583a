"""Every gRPC call passes the token check, the counters and the access log."""

import json
import re
from pathlib import Path

import pytest
from google.protobuf.empty_pb2 import Empty

from tests.conftest import MakeArchive
from tests.support.grpc_client import ASKED, failure, grpc_serving, prediction, stubs

pytestmark = pytest.mark.anyio
REFUSED = (
    "PERMISSION_DENIED",
    "Token Authorization failed. Token either incorrect, expired, or not provided correctly",
)


def bearer(key: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {key}")]


async def test_each_service_asks_for_the_key_of_its_kind(
    store: Path, archive: MakeArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    archive("asked", ASKED)
    async with grpc_serving(store, "asked.mar", authorization="all") as client:
        keys = {kind: told["key"] for kind, told in json.loads((tmp_path / "key_file.json").read_text()).items()}
        ping, listing = client.inference.Ping, client.management.ListModels
        request = stubs("management")[0].ListModelsRequest()
        assert await client.predict({"say": "in"}, metadata=bearer(keys["inference"])) == b"in"
        assert (await listing(request, metadata=bearer(keys["management"]))).msg
        for wrong in ([], bearer(keys["management"]), bearer(keys["API"]), [("authorization", keys["inference"])]):
            assert await failure(ping(Empty(), metadata=wrong)) == REFUSED
        assert await failure(listing(request, metadata=bearer(keys["inference"]))) == REFUSED
        stream = client.inference.StreamPredictions(prediction())
        assert await failure(stream.read()) == REFUSED


async def test_on_a_port_for_everything_only_management_is_locked(store: Path, archive: MakeArchive) -> None:
    archive("asked", ASKED)
    async with grpc_serving(store, "asked.mar", authorization="management", management_token="open") as client:
        assert await client.predict({"say": "in"}) == b"in"
        code, details = await failure(client.manage("ListModels"))
        assert (code, "MARSERVE_MANAGEMENT_TOKEN" in details) == ("UNAUTHENTICATED", True)
        request = stubs("management")[0].ListModelsRequest()
        assert (await client.management.ListModels(request, metadata=bearer("open"))).msg


async def test_calls_are_counted_as_http_requests_are(store: Path, archive: MakeArchive) -> None:
    archive("asked", ASKED)
    async with grpc_serving(store, "asked.mar") as client:
        await client.predict()
        await failure(client.predict(model="no"))
        await failure(client.predict({"raise": "value"}))
        counted = (await client.http.get("/metrics")).text
    for name, count in (("Requests2XX", 1), ("Requests4XX", 1), ("Requests5XX", 1)):
        assert re.search(rf"^{name}\{{.*\}} {count}\.0$", counted, re.MULTILINE), counted
    assert re.search(r'^ts_inference_requests_total\{.*model_name="asked".*\} 2\.0$', counted, re.MULTILINE)


async def test_calls_are_logged_with_their_codes(store: Path, archive: MakeArchive, tmp_path: Path) -> None:
    archive("asked", ASKED)
    async with grpc_serving(store, "asked.mar", log_location=tmp_path) as client:
        await client.predict()
        await failure(client.predict({"refuse": 404}))
        await failure(client.manage("DescribeModel", model_name="no"))
    logged = re.findall(
        r'^[\d:,T-]+ - /127\.0\.0\.1:\d+ "gRPC (\S+) HTTP/2\.0" (\d+) \d+$',
        (tmp_path / "access_log.log").read_text(),
        re.MULTILINE,
    )
    apis = "org.pytorch.serve.grpc"
    assert logged == [
        (f"{apis}.inference.InferenceAPIsService/Predictions", "0"),
        (f"{apis}.inference.InferenceAPIsService/Predictions", "5"),
        (f"{apis}.management.ManagementAPIsService/DescribeModel", "5"),
    ]


async def test_a_defect_tells_the_client_nothing_and_the_log_everything(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with grpc_serving(store, log_location=tmp_path) as client:
        monkeypatch.setattr(client.application.registry, "page", None)
        code, details = await failure(client.manage("ListModels"))
        monkeypatch.undo()
    assert (code, "NoneType" in details) == ("INTERNAL", False)
    assert "'NoneType' object is not callable" in (tmp_path / "ts_log.log").read_text()
