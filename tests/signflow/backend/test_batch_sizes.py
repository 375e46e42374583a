"""The sizes of the server's batches, read from its metrics."""

import httpx2
import pytest

from signflow.backend.batch_sizes import fetch_batch_sizes, parse_batch_sizes
from tests.signflow.torchserve_client.server import Server, make_client

METRICS = """# TYPE marserve_batch_size histogram
marserve_batch_size_bucket{model_name="sign",model_version="1.0",le="1.0",} 5.0
marserve_batch_size_bucket{model_name="sign",model_version="1.0",le="2.0",} 7.0
marserve_batch_size_bucket{model_name="sign",model_version="1.0",le="4.0",} 8.0
marserve_batch_size_bucket{model_name="sign",model_version="1.0",le="+Inf",} 9.0
marserve_batch_size_bucket{model_name="other",model_version="1.0",le="1.0",} 1.0
"""


def test_cumulated_buckets_become_batches_of_each_size() -> None:
    assert parse_batch_sizes(METRICS.rsplit("marserve", 1)[0]) == {"1": 5, "2": 2, "3-4": 1, "4+": 1}


def test_models_are_added_up() -> None:
    sizes = parse_batch_sizes(METRICS)
    assert sizes is not None
    assert sizes["1"] == 6


def test_a_server_without_this_histogram_tells_nothing() -> None:
    assert parse_batch_sizes("ts_inference_requests_total{} 1.0\n") is None


@pytest.mark.anyio
async def test_they_come_from_the_servers_metrics_or_from_another_port() -> None:
    server = Server(httpx2.Response(200, text=METRICS))
    async with make_client(server) as client:
        assert await fetch_batch_sizes(client, "") == parse_batch_sizes(METRICS)
        await fetch_batch_sizes(client, "http://models:8082/metrics")
    assert [str(each.url) for each in server.requests] == ["http://models/metrics", "http://models:8082/metrics"]


@pytest.mark.anyio
async def test_without_a_server_nothing_is_told_and_an_open_circuit_is_not_asked() -> None:
    server = Server(httpx2.ConnectError("refused"))
    async with make_client(server) as client:
        assert await fetch_batch_sizes(client, "") is None
        for _ in range(3):
            client.breaker.record_failure()
        assert await fetch_batch_sizes(client, "") is None
    assert len(server.requests) == 1
