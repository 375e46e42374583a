"""Messages of inference on the wire, beside what protobuf itself makes of them."""

import pytest

from app.grpc.triton.raw_contents import (
    SMALL_BYTES,
    InferMessage,
    Request,
    Response,
    StreamMessage,
    StreamResponse,
    read_request,
    write_response,
    write_stream_response,
)

LARGE = bytes(range(256)) * (SMALL_BYTES // 128)


@pytest.mark.parametrize("contents", [[], [b""], [b"ab"], [LARGE], [b"a", LARGE, b"", LARGE]])
def test_a_request_is_read_as_protobuf_reads_it(contents: list[bytes]) -> None:
    request = Request(model_name="m", id="7", raw_input_contents=contents)
    request.inputs.add(name="X", datatype="FP32", shape=[-1, 2**40])
    request.parameters["p"].int64_param = -5
    data = request.SerializeToString()
    read = read_request(data)
    assert [bytes(raw) for raw in read.raw] == contents
    del request.raw_input_contents[:], read.fields.raw_input_contents[:]
    assert read.fields == request


def test_a_response_is_written_as_protobuf_writes_it() -> None:
    fields = Response(model_name="m")
    written = Response.FromString(write_response(InferMessage(fields, [b"ab", memoryview(LARGE)])))
    assert (written.model_name, list(written.raw_output_contents)) == ("m", [b"ab", LARGE])
    streamed = StreamResponse.FromString(write_stream_response(StreamMessage(InferMessage(fields, [LARGE]), "why")))
    assert (streamed.error_message, list(streamed.infer_response.raw_output_contents)) == ("why", [LARGE])


@pytest.mark.parametrize("end", [b"\x3a\xff\xff\xff\x7f", b"\x3b", b"\x3a" + b"\xff" * 11, b"\x80"])
def test_a_large_message_that_lies_is_refused(end: bytes) -> None:
    data = Request(raw_input_contents=[LARGE]).SerializeToString()
    with pytest.raises(ValueError, match=r"group|shorter|no end"):
        read_request(data + end)
