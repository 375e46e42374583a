"""Traces of a running server, received as a collector would: over HTTP and gRPC, in threads and processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk")

from app.tracing.tracer import traceparent_of
from tests.conftest import MakeArchive
from tests.support.grpc_client import grpc_serving
from tests.support.otlp_receiver import OtlpReceiver, receiving
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
HANDLER = """
    def handle(data, context):
        return [str(context.get_request_header(0, "traceparent"))] if data else []
"""
STREAM = """
    from ts.handler_utils.utils import send_intermediate_predict_response
    def handle(data, context):
        if data:
            send_intermediate_predict_response(["a"], context.request_ids, "", 200, context)
            return ["b"]
"""
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
PHASES = {"queue", "batch", "handler", "encoding"}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[OtlpReceiver]:
    """A collector, for servers that start meanwhile."""
    with receiving() as one:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", one.url)
        yield one


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_a_request_is_traced_from_its_caller_to_its_handler(
    receiver: OtlpReceiver, store: Path, archive: MakeArchive, isolation: str
) -> None:
    archive("m", HANDLER, config=f"isolation: {isolation}")
    async with serving(store, "m.mar") as client:
        answer = await client.predict("m", 1, headers=TRACEPARENT)
    spans = receiver.by_name(TRACE)
    assert spans.keys() == {"POST /predictions/{model_name}", *PHASES}
    request = spans["POST /predictions/{model_name}"]
    assert answer.headers["traceresponse"] == f"00-{TRACE}-{request.span_id.hex()}-01"
    assert answer.text == f"00-{TRACE}-{spans['handler'].span_id.hex()}-01"
    assert request.parent_span_id.hex() == "b7ad6b7169203331"
    assert [link.span_id for link in spans["batch"].links] == [request.span_id]
    assert request.start_time_unix_nano <= spans["queue"].start_time_unix_nano
    assert spans["handler"].end_time_unix_nano <= spans["encoding"].end_time_unix_nano
    assert spans["encoding"].end_time_unix_nano <= request.end_time_unix_nano
    assert receiver.services == {"marserve"}


async def test_a_stream_is_traced_to_its_end(receiver: OtlpReceiver, store: Path, archive: MakeArchive) -> None:
    archive("m", STREAM)
    async with serving(store, "m.mar") as client:
        assert (await client.predict("m", 1, headers=TRACEPARENT)).text == "ab"
    assert receiver.by_name(TRACE).keys() == {"POST /predictions/{model_name}", *PHASES}


async def test_refused_and_unsampled_requests(receiver: OtlpReceiver, store: Path, archive: MakeArchive) -> None:
    archive("m", HANDLER)
    async with serving(store, "m.mar") as client:
        not_sampled = f"00-{TRACE}-b7ad6b7169203331-00"
        answer = await client.predict("m", 1, headers={"traceparent": not_sampled})
        assert answer.text == not_sampled
        assert "traceresponse" not in answer.headers
        assert (await client.predict("m/7.0", 1)).status_code == 404
    (span,) = receiver.spans
    assert span.name == "POST /predictions/{model_name}/{model_version}"
    assert {each.key: each.value.string_value for each in span.attributes}["error.type"] == "VersionNotFound"


async def test_a_grpc_call_is_traced_by_its_metadata(receiver: OtlpReceiver, store: Path, archive: MakeArchive) -> None:
    archive("m", HANDLER)
    async with grpc_serving(store, "m.mar") as client:
        answer = await client.predict(model="m", metadata=tuple(TRACEPARENT.items()))
    spans = receiver.by_name(TRACE)
    name = "gRPC /org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions"
    assert spans.keys() == {name, *PHASES}
    assert answer.decode() == f"00-{TRACE}-{spans['handler'].span_id.hex()}-01"


def test_the_header_is_found_in_any_spelling() -> None:
    assert traceparent_of([(b"Accept", b"*/*"), (b"TraceParent", b"x")]) == "x"
    assert traceparent_of([(b"tracestate00", b"x")]) == ""
