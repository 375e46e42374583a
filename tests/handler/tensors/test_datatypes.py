"""Data types by their names and by numpy's."""

import numpy as np
import pytest

from handler.tensors.datatypes import BF16, BY_CONFIG_NAME, BY_NAME, BYTES, datatype_of


@pytest.mark.parametrize(
    ("dtype", "name"),
    [("bool", "BOOL"), ("uint8", "UINT8"), ("int64", "INT64"), ("float16", "FP16"), (">f4", "FP32"),
     ("float64", "FP64"), ("O", "BYTES"), ("S3", "BYTES"), ("U3", "BYTES")],
)  # fmt: skip
def test_an_array_has_a_data_type(dtype: str, name: str) -> None:
    assert datatype_of(np.dtype(dtype)) is BY_NAME[name]


def test_what_triton_has_no_name_for_has_none() -> None:
    assert datatype_of(np.dtype("complex64")) is None


def test_configurations_have_names_of_their_own() -> None:
    assert BY_CONFIG_NAME["TYPE_STRING"] is BYTES
    assert BY_CONFIG_NAME["TYPE_BF16"] is BF16
    assert {datatype.name for datatype in BY_CONFIG_NAME.values()} == set(BY_NAME)


def test_sixteen_bits_that_numpy_has_not_are_held_as_they_are() -> None:
    assert BF16.size == 2
    assert datatype_of(BF16.dtype) is BY_NAME["UINT16"]
