"""Elements of tensors in JSON."""

from typing import Any

import numpy as np
import orjson
import pytest

from app.open_inference.tensor_data import array_of, elements_of, is_finite
from handler.tensors.datatypes import BY_NAME
from handler.tensors.errors import TensorError
from handler.tensors.tensor import Tensor


def read(data: Any, datatype: str, *shape: int) -> Any:
    return array_of(data, "X", BY_NAME[datatype], shape).tolist()


def written(array: np.ndarray, datatype: str) -> bytes:
    return orjson.dumps(elements_of(Tensor.of_array("X", BY_NAME[datatype], array)), option=orjson.OPT_SERIALIZE_NUMPY)


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]], [[[1], [2]], [[3], [4]]], [1, [2, [3]], 4]])
def test_data_may_be_nested_in_any_way(data: Any) -> None:
    assert read(data, "FP32", 2, 2) == [[1, 2], [3, 4]]


def test_integers_wrap_around() -> None:
    assert read([300, -1], "INT8", 2) == [44, -1]
    assert read([2**64 - 1], "UINT64", 1) == [2**64 - 1]


@pytest.mark.parametrize(("data", "datatype", "words"), [
    (["1"], "FP32", "attempt to access JSON non-number as double"),
    ([True], "FP64", "attempt to access JSON non-number as double"),
    ([1.5], "INT32", "attempt to access JSON non-signed-integer as signed-integer"),
    ([-1], "UINT8", "attempt to access JSON non-unsigned-integer as unsigned-integer"),
    ([2**63], "INT64", "attempt to access JSON non-signed-integer as signed-integer"),
    ([1], "BOOL", "attempt to access JSON non-boolean as boolean"),
    ([1], "BYTES", "Unable to parse JSON bytes array: attempt to access JSON non-string as string"),
    ([1, 2], "FP32", "Shape does not match true shape of 'data' field"),
    ([1], "FP16", "receiving FP16 data via JSON is not supported. Please use the binary data format for input X"),
])  # fmt: skip
def test_elements_have_a_kind_and_a_number(data: list[Any], datatype: str, words: str) -> None:
    with pytest.raises(TensorError) as caught:
        read(data, datatype, 1)
    assert words in caught.value.message


def test_floats_are_written_as_the_doubles_that_they_become() -> None:
    assert written(np.array([[0.1], [2]], np.float32), "FP32") == b"[0.10000000149011612,2.0]"


def test_other_elements_are_written_flat() -> None:
    assert written(np.array([[True, False]]), "BOOL") == b"[true,false]"
    assert written(np.array([["ü".encode()], [b"\xff"]], object), "BYTES") == '["ü","\ufffd"]'.encode()


def test_halves_of_floats_are_not_written() -> None:
    with pytest.raises(TensorError, match="sending FP16 data via JSON is not supported"):
        written(np.zeros(1, np.float16), "FP16")


def test_json_proper_has_no_form_for_some_elements() -> None:
    assert is_finite(np.ones(1))
    assert is_finite(["a"])
    assert not is_finite(np.array([1, np.nan]))
