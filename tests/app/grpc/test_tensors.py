"""Tensors between messages and the JSON that handlers know."""

import json
from typing import Any

import numpy as np
import pytest

from app.errors import BadRequest
from app.grpc.messages import OPEN_INFERENCE, message
from app.grpc.tensors import body_of, response_of
from handler.errors import BadOutput

Request, Response = (message(OPEN_INFERENCE, f"ModelInfer{kind}") for kind in ("Request", "Response"))


def request(datatype: str, *, raw: bytes | None = None, **contents: Any) -> Any:
    made = Request(id="7", model_name="m")
    made.inputs.add(name="x", datatype=datatype, shape=[2], contents=contents)
    if raw is not None:
        made.raw_input_contents.append(raw)
    return made


@pytest.mark.parametrize(
    ("sent", "data"),
    [
        (request("INT64", int64_contents=[1, 2]), [1, 2]),
        (request("FP32", fp32_contents=[0.1, 2]), [0.1, 2.0]),
        (request("BOOL", bool_contents=[True, False]), [True, False]),
        (request("BYTES", bytes_contents=[b"a", b"b"]), ["YQ==", "Yg=="]),
        (request("FP16", raw=np.array([0.5, 2], "<f2").tobytes()), [0.5, 2.0]),
        (request("UINT8", raw=b"\x01\xff"), [1, 255]),
        (request("BYTES", raw=b"\x01\0\0\0a\x02\0\0\0bc"), ["YQ==", "YmM="]),
    ],
)
def test_a_request_becomes_the_json_body_that_it_has_over_http(sent: Any, data: list[Any]) -> None:
    tensor = {"name": "x", "shape": [2], "datatype": sent.inputs[0].datatype, "data": data}
    assert json.loads(body_of(sent)) == {"id": "7", "model_name": "m", "inputs": [tensor]}


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (request("FP64", fp64_contents=[float("nan")]), "NaN or an infinity"),
        (request("INT64", raw=b"odd"), "no INT64 values"),
        (request("OTHER", raw=b"1234"), "no OTHER values"),
    ],
)
def test_values_that_json_cannot_say_are_refused(sent: Any, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        body_of(sent)


def test_raw_contents_belong_to_every_input_or_to_none() -> None:
    sent = request("INT64", raw=b"\0" * 8)
    sent.inputs.add(name="y", datatype="INT64", shape=[1])
    with pytest.raises(BadRequest, match="There are 2 inputs, but 1 raw contents"):
        body_of(sent)


def test_a_handlers_json_becomes_a_response() -> None:
    outputs = [
        {"name": "a", "datatype": "FP32", "shape": [2], "data": [0.5, 1]},
        {"name": "b", "datatype": "BYTES", "shape": [1], "data": ["text"]},
    ]
    body = {"id": "7", "model_name": "m", "model_version": "1.0", "outputs": outputs}
    response = response_of(json.dumps(body).encode(), Response)
    assert (response.id, list(response.outputs[0].contents.fp32_contents)) == ("7", [0.5, 1.0])
    assert list(response.outputs[1].contents.bytes_contents) == [b'"text"']


@pytest.mark.parametrize("body", [b"no JSON", b"[]", b'{"id": "7"}'])
def test_any_other_answer_is_the_handlers_fault(body: bytes) -> None:
    with pytest.raises(BadOutput):
        response_of(body, Response)
