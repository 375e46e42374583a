"""Bodies of inference responses."""

import json
from typing import Any

import numpy as np
import pytest

from app.open_inference.infer_request import InferRequest
from app.open_inference.infer_response import render_response
from app.open_inference.output_format import OutputFormat, Region
from handler.tensors.errors import TensorError
from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.tensor import Tensor
from tests.support.tensor_models import FP32, signature

MODEL = signature({}, {"Y": (FP32, [2]), "Z": (FP32, [2])}, 8)
Y, Z = (Tensor.of_array(name, FP32, np.array([[1, 2.5]], np.float32)) for name in "YZ")


class OneRegion:
    """Shared memory of eight bytes."""

    def __init__(self) -> None:
        self.memory = bytearray(8)

    def view(self, region: Region) -> memoryview:
        return memoryview(self.memory)[region.offset :]


def rendered(
    *outputs: Tensor, regions: Any = None, request_id: str = "", **formats: OutputFormat
) -> tuple[Any, list[bytes]]:
    asked = InferRequest(TensorRequest([], id=request_id), formats)
    body = render_response(asked, TensorResponse(outputs, {"k": "v"}), MODEL, "3", regions or OneRegion())
    assert body.is_binary == (len(body.pieces) > 1)
    return json.loads(bytes(body.pieces[0])), [bytes(piece) for piece in body.pieces[1:]]


def test_a_response_is_json() -> None:
    header, raw = rendered(Y, request_id="7")
    assert header == {
        "id": "7", "model_name": "m", "model_version": "3", "parameters": {"k": "v"},
        "outputs": [{"name": "Y", "datatype": "FP32", "shape": [1, 2], "data": [1, 2.5]}],
    }  # fmt: skip
    assert raw == []


def test_raw_tensors_come_behind() -> None:
    header, raw = rendered(Y, Z, Z=OutputFormat(is_binary=True))
    assert header["outputs"][0]["data"] == [1, 2.5]
    assert header["outputs"][1] == {
        "name": "Z", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8},
    }  # fmt: skip
    assert raw == [Z.array.tobytes()]


def test_classes_take_the_place_of_elements() -> None:
    header, _ = rendered(Y, Y=OutputFormat(classes=1))
    assert header["outputs"][0]["data"] == ["2.500000:1"]


def test_shared_memory_takes_the_elements() -> None:
    regions = OneRegion()
    header, raw = rendered(Y, regions=regions, Y=OutputFormat(region=Region("r", 8, 0)))
    assert header["outputs"] == [{"name": "Y", "datatype": "FP32", "shape": [1, 2]}]
    assert (raw, bytes(regions.memory)) == ([], Y.array.tobytes())
    with pytest.raises(TensorError, match=r"'Y' \(4 bytes\) should be at least 8 bytes to hold the results"):
        rendered(Y, Y=OutputFormat(region=Region("r", 4, 0)))


def test_what_is_no_number_is_a_bare_word() -> None:
    odd = Tensor.of_array("Y", FP32, np.array([np.nan, np.inf], np.float32))
    asked = InferRequest(TensorRequest([]), {})
    (body,) = render_response(asked, TensorResponse([odd]), MODEL, "1", OneRegion()).pieces
    assert b'"data":[NaN,Infinity]' in bytes(body)
