"""Bodies of inference requests."""

import json
from typing import Any

import numpy as np
import pytest

from app.open_inference.infer_request import InferRequest, parse_infer_request
from app.open_inference.output_format import OutputFormat, Region
from handler.tensors.datatypes import BYTES
from handler.tensors.errors import TensorError
from tests.support.tensor_models import FP32, signature

PAIR = signature({"A": (FP32, [2]), "B": (FP32, [2])}, {"Y": (FP32, [2])}, 8)
RAW = np.array([1, 2], np.float32).tobytes()


class OneRegion:
    """Shared memory that holds the elements of one tensor."""

    def view(self, region: Region) -> memoryview:
        return memoryview(RAW)[region.offset : region.offset + region.byte_size]


def binary(name: str, size: int = 8) -> dict[str, Any]:
    return {"name": name, "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": size}}


def plain(name: str, data: Any = (1, 2), **more: Any) -> dict[str, Any]:
    return {"name": name, "shape": [1, 2], "datatype": "FP32", "data": list(data), **more}


def parse(*inputs: Any, raw: bytes = b"", header: bool = False, headers: Any = (), **more: Any) -> InferRequest:
    body = json.dumps({"inputs": list(inputs), **more}).encode()
    length = len(body) if raw or header else None
    return parse_infer_request(bytearray(body + raw), length, PAIR, OneRegion(), dict(headers))


def test_json_and_raw_tensors_may_be_mixed() -> None:
    parsed = parse(plain("A"), binary("B"), raw=RAW, id="7", outputs=[{"name": "Y"}], parameters={"k": 1}).request
    assert [tensor.array.tolist() for tensor in parsed.inputs] == [[[1, 2]], [[1, 2]]]
    assert (parsed.id, parsed.outputs, parsed.parameters) == ("7", ("Y",), {"k": 1})
    assert parsed.inputs[1].array.flags.writeable


def test_raw_tensors_are_views_of_the_body() -> None:
    body = bytearray(json.dumps({"inputs": [binary("A")]}).encode())
    length = len(body)
    body += RAW
    tensor = parse_infer_request(body, length, PAIR, OneRegion(), {}).request.inputs[0]
    assert np.shares_memory(tensor.array, np.frombuffer(body, np.uint8))


def test_headers_become_parameters() -> None:
    assert parse(plain("A"), headers={"x": "y"}, parameters={"x": 1}).request.parameters == {"x": "y"}


def test_shared_memory_is_an_input() -> None:
    shared = {"shared_memory_region": "r", "shared_memory_byte_size": 8}
    given = {"name": "A", "shape": [1, 2], "datatype": "FP32", "parameters": shared}
    assert parse(given).request.inputs[0].array.tolist() == [[1, 2]]


def test_a_request_of_bytes_alone_has_the_size_of_its_input() -> None:
    alone = signature({"A": (FP32, [2])}, {"Y": (FP32, [2])}, 8)
    assert parse_infer_request(RAW, 0, alone, OneRegion(), {}).request.inputs[0].array.tolist() == [[1, 2]]
    with pytest.raises(TensorError, match="input 'raw_input' for model"):
        parse_infer_request(RAW[:7], 0, alone, OneRegion(), {})


def test_names_end_at_a_nul() -> None:
    assert [each.name for each in parse(plain("A\0x")).request.inputs] == ["A"]


def test_outputs_that_are_not_listed_have_one_form() -> None:
    assert parse(plain("A"), parameters={"binary_data_output": True}).default == OutputFormat(is_binary=True)


@pytest.mark.parametrize(("inputs", "raw", "words"), [
    ([binary("A"), binary("B")], RAW, "unexpected size for input 'B', expecting 8 additional bytes for model 'm'"),
    ([binary("A")], RAW + b"x", "unexpected additional input data for model 'm'"),
    ([binary("A", -1)], RAW, "Unable to parse 'binary_data_size'"),
    ([binary("A")], b"", "unexpected size for input 'A', expecting 8 additional bytes for model 'm'"),
    ([binary("A"), binary("A")], RAW, "input 'A' already exists in request"),
    ([{**plain("A", datatype="FLOAT"), "data": 1}], b"", "attempt to access JSON non-array as array"),
    ([plain("A", data=[1, 2, "x"])], b"", "Unable to parse 'data': Shape does not match true shape"),
    ([plain("A", datatype="FLOAT")], b"", "invalid datatype for input A"),
    ([plain("A", shape=[-1])], b"", "Unable to parse 'shape'"),
    ([plain("A", parameters={"binary_data_size": 8})], b"", "But set 'data' 'binary_data_size'"),
    ([{"name": "A", "shape": [1], "datatype": "FP32"}], b"", "But no field is set"),
    ([{"shape": [1], "datatype": "FP32", "data": [1]}], b"", "non-existing object member 'name'"),
    ([1], b"", "But no field is set"),
])  # fmt: skip
def test_wrong_inputs_are_refused(inputs: list[Any], raw: bytes, words: str) -> None:
    with pytest.raises(TensorError) as caught:
        parse(*inputs, raw=raw)
    assert words in caught.value.message


def test_an_empty_tensor_has_no_elements_to_read() -> None:
    assert parse(plain("A", shape=[0, 2], data=[1])).request.inputs[0].byte_size == 0


def test_bytes_alone_are_the_only_input() -> None:
    texts = signature({"T": (BYTES, [1])}, {}, 4)
    parsed = parse_infer_request(b"raw words", 0, texts, OneRegion(), {})
    assert parsed.request.inputs[0].array.tolist() == [[b"raw words"]]
    assert parsed.default.is_binary
    with pytest.raises(TensorError, match="Raw request must only have 1 input"):
        parse_infer_request(b"", None, PAIR, OneRegion(), {})


@pytest.mark.parametrize(("inputs", "outputs", "words"), [
    ([3], [], "But no field is set"),
    ([plain("A"), plain("A")], 3, "input 'A' already exists in request"),
    ([plain("A", shape=[]), plain("B", data=["x"])], [], "non-number as double"),
])  # fmt: skip
def test_of_two_faults_the_one_is_named_that_triton_names(inputs: list[Any], outputs: Any, words: str) -> None:
    with pytest.raises(TensorError, match=words):
        parse(*inputs, outputs=outputs)


def test_elements_of_a_tensor_without_dimensions_are_not_read() -> None:
    asked = parse(plain("A", shape=[]), plain("B"))
    with pytest.raises(TensorError, match="input 'A' has no shape"):
        PAIR.check(asked.request)
