"""The classification extension."""

from typing import Any

import numpy as np
import pytest

from handler.tensors.classification import classified
from handler.tensors.datatypes import datatype_of
from handler.tensors.tensor import Tensor


def classes(values: Any, dtype: str, count: int, *labels: str, has_batch: bool = False) -> Any:
    array = np.array(values, dtype)
    datatype = datatype_of(array.dtype)
    assert datatype is not None
    return classified(Tensor.of_array("Y", datatype, array), count, labels, has_batch=has_batch).array.tolist()


def test_the_largest_come_first_with_their_labels() -> None:
    assert classes([[0.1, 0.9], [3, 2]], "float32", 1, "ant", has_batch=True) == [[b"0.900000:1"], [b"3.000000:0:ant"]]


def test_equal_ones_come_by_their_index() -> None:
    assert classes([1, 1, 1], "float64", 2) == [b"1.000000:0", b"1.000000:1"]


@pytest.mark.parametrize(("dtype", "values"), [
    ("int32", [1, 9, -4]), ("uint8", [1, 200, 0]), ("int64", [1, 2**53 + 1, -(2**63)]), ("uint64", [1, 2**64 - 1, 0]),
])  # fmt: skip
def test_integers_are_written_plainly(dtype: str, values: list[int]) -> None:
    assert classes(values, dtype, 9) == [f"{values[index]}:{index}".encode() for index in (1, 0, 2)]


def test_all_dimensions_behind_the_batch_are_one_row() -> None:
    assert classes([[[1, 2], [3, 4]]], "int32", 1, has_batch=True) == [[b"4:3"]]
