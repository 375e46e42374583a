"""Requests of inference from their messages."""

from typing import Any

import pytest

from app.grpc.triton.infer_request import parse_infer_request
from app.grpc.triton.raw_contents import InferMessage, Request
from app.open_inference.shared_memory import SharedMemory
from handler.tensors.errors import TensorError


def parsed(raw: list[bytes], datatype: str = "INT8", **contents: Any) -> Any:
    fields = Request(model_name="m", id="7")
    tensor = fields.inputs.add(name="X", datatype=datatype, shape=[2])
    for name, values in contents.items():
        getattr(tensor.contents, name).extend(values)
    asked, _ = parse_infer_request(InferMessage(fields, raw), "m", SharedMemory(), {"header": "h"})
    assert (asked.request.id, asked.request.parameters) == ("7", {"header": "h"})
    (made,) = asked.request.inputs
    return made.array.tolist()


def test_contents_are_raw_or_typed() -> None:
    assert parsed([b"\x01\xff"]) == [1, -1]
    assert parsed([], int_contents=[1, -1]) == [1, -1]
    assert parsed([], "BYTES", bytes_contents=[b"a", b"\xff"]) == [b"a", b"\xff"]
    assert parsed([], "UINT64", uint64_contents=[2**63, 0]) == [2**63, 0]


@pytest.mark.parametrize(("raw", "contents", "words"), [
    ([b"\x01\x01"], {"int_contents": [1, 1]}, "contents field must not be specified"),
    ([], {"fp32_contents": [1, 1]}, "expected datatype 'INT8'"),
    ([], {"int_contents": [1, 1], "fp32_contents": [1, 1]}, "binary data was already supplied"),
    ([], {}, "unable to find data for input tensor 'X'"),
])  # fmt: skip
def test_wrong_contents_are_refused(raw: list[bytes], contents: dict[str, Any], words: str) -> None:
    with pytest.raises(TensorError, match=words):
        parsed(raw, **contents)


def test_names_are_checked_before_contents() -> None:
    fields = Request(model_name="m", id="7")
    for _ in range(2):
        fields.inputs.add(name="X", datatype="INT8", shape=[2])
    with pytest.raises(TensorError, match="request id: 7] input 'X' already exists in request"):
        parse_infer_request(InferMessage(fields, [b"12"]), "m", SharedMemory(), {})


@pytest.mark.parametrize("classes", [(2, 0), (0, 2)])
def test_an_output_that_is_listed_twice_is_wanted_as_classes_if_one_line_says_so(classes: tuple[int, int]) -> None:
    fields = Request(model_name="m")
    for count in classes:
        output = fields.outputs.add(name="Y")
        if count:
            output.parameters["classification"].int64_param = count
    asked, _ = parse_infer_request(InferMessage(fields, []), "m", SharedMemory(), {})
    assert asked.formats["Y"].classes == 2
