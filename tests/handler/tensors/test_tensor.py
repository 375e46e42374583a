"""Tensors: bytes and arrays of the same elements."""

import numpy as np
import pytest

from handler.tensors.datatypes import BF16, BY_NAME, BYTES
from handler.tensors.tensor import Tensor

FP32 = BY_NAME["FP32"]


def test_bytes_become_an_array_without_a_copy() -> None:
    raw = np.arange(6, dtype=np.float32).tobytes()
    tensor = Tensor("X", FP32, (2, 3), raw=memoryview(raw))
    assert tensor.array.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert np.shares_memory(tensor.array, np.frombuffer(raw, np.uint8))
    assert not tensor.array.flags.writeable


def test_an_array_becomes_bytes_without_a_copy() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensor = Tensor.of_array("X", FP32, array)
    assert bytes(tensor.raw) == array.tobytes()
    assert np.shares_memory(np.frombuffer(tensor.raw, np.float32), array)


@pytest.mark.parametrize("array", [np.arange(6, dtype=np.float32).reshape(2, 3).T, np.arange(3, dtype=">f4")])
def test_memory_that_is_not_in_order_is_copied(array: np.ndarray) -> None:
    assert bytes(Tensor.of_array("X", FP32, array).raw) == np.ascontiguousarray(array, "<f4").tobytes()


def test_strings_become_bytes_objects() -> None:
    tensor = Tensor("S", BYTES, (2, 1), raw=b"\x01\0\0\0a\x02\0\0\0b\0")
    assert tensor.array.tolist() == [[b"a"], [b"b\0"]]
    assert tensor.string_count == 2


def test_the_number_of_strings_does_not_follow_from_the_shape() -> None:
    tensor = Tensor("S", BYTES, (3,), raw=b"\x01\0\0\0a")
    assert tensor.string_count == 1
    with pytest.raises(ValueError, match="reshape"):
        _ = tensor.array


@pytest.mark.parametrize("tensor", [
    Tensor("X", FP32, (0, 4), raw=b""),
    Tensor("X", FP32, (0, 4), array=np.empty((0, 4), np.float32)),
])  # fmt: skip
def test_an_empty_tensor_has_both_forms(tensor: Tensor) -> None:
    assert bytes(tensor.raw) == b""
    assert tensor.array.shape == (0, 4)


def test_sizes_are_those_of_the_elements_not_of_the_shape() -> None:
    assert Tensor("X", FP32, (9,), raw=b"\0" * 8).byte_size == 8
    assert Tensor("X", FP32, (9,), array=np.zeros(3, np.float32)).byte_size == 12
    assert Tensor("S", BYTES, (1,), array=np.array([b"abc"], object)).byte_size == 7
    assert Tensor("B", BF16, (2,), raw=b"\0" * 4).byte_size == 4


def test_a_new_name_or_shape_copies_nothing() -> None:
    tensor = Tensor.of_array("X", FP32, np.zeros((2, 3), np.float32))
    renamed, reshaped = tensor.renamed("Y"), tensor.reshaped((3, 2))
    assert renamed.name == "Y"
    assert renamed.array is tensor.array
    assert reshaped.array.shape == (3, 2)
    assert np.shares_memory(reshaped.array, tensor.array)
    assert repr(reshaped) == "<Tensor X FP32[3, 2]>"
