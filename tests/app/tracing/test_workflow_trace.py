"""Traces of workflows: a span for the request, one for each call of a node, and the phases of those."""

from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk")

from tests.app.tracing.test_tracer import PHASES, TRACE, TRACEPARENT, receiver
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.serving import serving
from tests.support.workflows import register, war

__all__ = ["receiver"]
pytestmark = pytest.mark.anyio


async def test_a_node_is_a_span_below_the_requests(receiver: OtlpReceiver, store: Path) -> None:
    war(store, "flow", "  first: [words]\n")
    async with serving(store) as client:
        await register(client, "flow.war")
        headers = {**TRACEPARENT, "content-type": "text/plain"}
        answer = await client.http.post("/wfpredict/flow", content="a", headers=headers)
        assert answer.text == "plain words"
        unsampled = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-00"}
        await client.http.post("/wfpredict/flow", content="a", headers=unsampled)
    spans = receiver.by_name(TRACE)
    assert spans.keys() == {"POST /wfpredict/{name}", "node first", "node words", *PHASES}
    request = spans["POST /wfpredict/{name}"]
    assert answer.headers["traceresponse"] == f"00-{TRACE}-{request.span_id.hex()}-01"
    assert len([span for span in receiver.spans if span.name == "POST /wfpredict/{name}"]) == 1
    for node in ("node first", "node words"):
        assert spans[node].parent_span_id == request.span_id
    assert spans["node first"].end_time_unix_nano <= spans["node words"].start_time_unix_nano


async def test_a_node_that_fails_is_an_error_of_the_request(receiver: OtlpReceiver, store: Path) -> None:
    war(store, "flow", "  flaky: [words]\n")
    async with serving(store) as client:
        await register(client, "flow.war")
        answer = await client.http.post("/wfpredict/flow", content="a", headers=TRACEPARENT)
    spans = receiver.by_name(TRACE)
    assert answer.status_code == 500
    assert [spans[name].status.code for name in ("POST /wfpredict/{name}", "node flaky")] == [2, 2]
    assert answer.headers["traceresponse"].split("-")[2] == spans["POST /wfpredict/{name}"].span_id.hex()
