"""/metrics over HTTP."""

from pathlib import Path

import pytest

from tests.support.serving import serving

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/metrics/anything/below"])
async def test_the_exposition_is_at_metrics_and_below_with_any_method(store: Path, path: str) -> None:
    async with serving(store) as client:
        answer = await client.http.post(path)
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "# TYPE Requests2XX counter" in answer.text


async def test_parameters_choose_samples_by_name(store: Path) -> None:
    async with serving(store) as client:
        await client.http.get("/ping")
        answer = await client.http.get("/metrics?name[]=Requests2XX&name[]=Requests4XX")
        samples = [line for line in answer.text.splitlines() if not line.startswith("#")]
        assert {line.partition("{")[0] for line in samples} <= {"Requests2XX", "Requests4XX"}
        assert samples


async def test_openmetrics_is_answered_where_it_is_asked_for_and_marserves_metrics_are_on(store: Path) -> None:
    accept = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
    async with serving(store, marserve_metrics=True) as client:
        answer = await client.http.get("/metrics", headers=accept)
        assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert answer.text.endswith("# EOF\n")
        assert (await client.http.get("/metrics")).headers["content-type"].startswith("text/plain")
    async with serving(store) as client:
        assert (await client.http.get("/metrics", headers=accept)).headers["content-type"].startswith("text/plain")
