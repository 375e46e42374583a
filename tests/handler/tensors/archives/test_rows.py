from typing import Any

import numpy as np
import pytest

from handler.errors import BadOutput
from handler.job import Input
from handler.tensors.archives.rows import decode_tensors, encode_tensors, tensor_part, tensor_row


def test_row_has_an_array_for_each_input() -> None:
    numbers = np.arange(6, dtype=np.float32)
    parts = (tensor_part("a", "FP32", (2, 3), numbers.tobytes()), tensor_part("s", "BYTES", (1,), b"\2\0\0\0hi"))
    row = tensor_row(Input(parts, has_tensors=True))
    assert np.array_equal(row["a"], numbers.reshape(2, 3))
    assert row["s"].tolist() == [b"hi"]
    assert row.keys() == {"a", "s"}


def test_only_input_is_the_body_as_well() -> None:
    row = tensor_row(Input((tensor_part("a", "INT8", (), b"\7"),), has_tensors=True))
    assert row["body"] is row["a"]
    assert row["a"] == 7


@pytest.mark.parametrize(
    ("value", "name", "datatype", "shape"),
    [(np.ones((2, 2), np.float16), "", "FP16", (2, 2)), ([1, 2], "", "INT64", (2,)), (1.5, "", "FP64", ()),
     ({"y": ["a", b"b"]}, "y", "BYTES", (2,)), ({"y": np.array([True])}, "y", "BOOL", (1,))],
)  # fmt: skip
def test_answers_travel(value: Any, name: str, datatype: str, shape: tuple[int, ...]) -> None:
    (tensor,) = decode_tensors(encode_tensors(value))
    assert (tensor.name, tensor.datatype.name, tensor.shape) == (name, datatype, shape)
    given = next(iter(value.values())) if isinstance(value, dict) else value
    assert np.ravel(tensor.array).tolist() == [
        each.encode() if isinstance(each, str) else each for each in np.ravel(np.asarray(given, object)).tolist()
    ]


@pytest.mark.parametrize("value", [None, [[1, 2], [3]], {"y": object()}, [{"a": 1}], {"y": 1j}])
def test_what_is_no_tensor_is_a_bad_output(value: Any) -> None:
    with pytest.raises(BadOutput):
        encode_tensors(value)
