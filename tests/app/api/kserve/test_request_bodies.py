"""Bodies of KServe's protocols: what a client got wrong is a BadRequest that says so."""

import json
import struct
from typing import Any

import pytest

from app.api.kserve.request_bodies import check_first_protocol, parse_json, tensors_body
from app.errors import BadRequest


def tensor(**changes: Any) -> dict[str, Any]:
    whole = {"name": "a", "shape": [2], "datatype": "FP32", "data": [1, 2], **changes}
    return {name: value for name, value in whole.items() if value is not None}


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b'{"a": 1} x', b"\xff"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="Unrecognized request format"):
        parse_json(body)


@pytest.mark.parametrize(
    "value", [{"instances": 1}, {"instances": None}, {"inputs": 1}, {"inputs": [1]}, [1], 5, {"instances": []}]
)
def test_the_first_protocol_wants_instances(value: Any) -> None:
    with pytest.raises(BadRequest, match="Expected"):
        check_first_protocol(value, "kserve")


def test_other_envelopes_have_other_keys() -> None:
    for value in ([1], {"inputs": [1]}, {"text": "x"}):
        check_first_protocol(value, None)
    check_first_protocol({"instances": [1], "signature_name": "x"}, "kserve")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], '"inputs"'), ({}, '"inputs"'), ({"inputs": {}}, '"inputs"'), ({"inputs": []}, "at least one"),
        ({"inputs": [tensor()], "id": 5}, '"id"'), ({"inputs": [5]}, r"inputs\[0\]: expected an object"),
        ({"inputs": [tensor(name=None)]}, "name"), ({"inputs": [tensor(), tensor(shape=None)]}, r"inputs\[1\].shape"),
        ({"inputs": [tensor(shape=[-2])]}, "shape"), ({"inputs": [tensor(shape=[True, 2])]}, "shape"),
        ({"inputs": [tensor(datatype=None)]}, "datatype"), ({"inputs": [tensor(data=None)]}, "data"),
        ({"inputs": [tensor(data=5)]}, "data"), ({"inputs": [tensor(shape=[3])]}, "does not fit 2 elements"),
    ],
)  # fmt: skip
def test_the_second_protocol_wants_whole_tensors(value: Any, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        tensors_body(json.dumps(value).encode(), "")


def test_nested_data_and_a_blank_id() -> None:
    body = {"id": "  ", "inputs": [tensor(shape=[2, 1], data=[[1], [2]])]}
    assert json.loads(tensors_body(json.dumps(body).encode(), "")) == {"inputs": body["inputs"]}
    own = {"id": "own", "inputs": [tensor()]}
    assert json.loads(tensors_body(json.dumps(own).encode(), "")) == own


def test_raw_tensors_are_put_into_the_json() -> None:
    inputs = [
        tensor(data=None, parameters={"binary_data_size": 8}),
        tensor(name="b", datatype="BYTES", shape=[1], data=None, parameters={"binary_data_size": 6}),
        tensor(name="c"),
    ]
    header = json.dumps({"inputs": inputs}).encode()
    raw = struct.pack("<ff", 1.5, -2) + struct.pack("<I", 2) + b"hi"
    found = json.loads(tensors_body(header + raw, str(len(header))))
    assert [each["data"] for each in found["inputs"]] == [[1.5, -2.0], ["hi"], [1, 2]]
    for tail, length in ((raw[:-1], len(header)), (raw + b"x", len(header)), (raw, 10**6), (raw, "x")):
        with pytest.raises(BadRequest):
            tensors_body(header + tail, str(length))
