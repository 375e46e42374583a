"""Requests of one batch become one tensor, and its outputs responses."""

import numpy as np
import pytest

from handler.tensors.batching import BatchArrays
from handler.tensors.datatypes import BYTES
from handler.tensors.errors import TensorError
from tests.support.tensor_models import FP32, request, signature

PAIR = signature({"X": (FP32, [2])}, {"Y": (FP32, [2]), "Z": (FP32, [2])}, 8)


def rows(count: int, value: float) -> np.ndarray:
    return np.full((count, 2), value, np.float32)


def test_one_request_is_not_copied() -> None:
    array = rows(3, 1)
    assert BatchArrays(PAIR).join([request(PAIR, X=array)])["X"] is array


def test_requests_are_copied_into_a_buffer_that_is_kept() -> None:
    arrays = BatchArrays(PAIR)
    joined = arrays.join([request(PAIR, X=rows(1, 1)), request(PAIR, X=rows(2, 2))])["X"]
    assert joined[:, 0].tolist() == [1, 2, 2]
    again = arrays.join([request(PAIR, X=rows(4, 3)), request(PAIR, X=rows(4, 4))])["X"]
    assert again[:, 0].tolist() == [3] * 4 + [4] * 4
    assert np.shares_memory(joined, again)


def test_rows_of_another_size_get_another_buffer() -> None:
    wide = signature({"X": (FP32, [-1])}, {}, 8)
    arrays = BatchArrays(wide)
    for width in (2, 3):
        halves = [request(wide, X=np.ones((1, width), np.float32))] * 2
        assert arrays.join(halves)["X"].shape == (2, width)


def test_strings_are_joined_too() -> None:
    texts = signature({"T": (BYTES, [1])}, {}, 8)
    joined = BatchArrays(texts).join([request(texts, T=[[b"a"]]), request(texts, T=[[b"b"], [b"c"]])])
    assert joined["T"].tolist() == [[b"a"], [b"b"], [b"c"]]


def test_each_request_gets_views_of_its_rows() -> None:
    arrays, output = BatchArrays(PAIR), np.arange(6, dtype=np.float32).reshape(3, 2)
    first, second = arrays.part([request(PAIR, X=rows(1, 0)), request(PAIR, X=rows(2, 0))], {"Y": output})
    assert first.outputs[0].array.tolist() == [[0, 1]]
    assert second.outputs[0].array.tolist() == [[2, 3], [4, 5]]
    assert np.shares_memory(second.outputs[0].array, output)


def test_an_output_without_a_row_for_each_is_an_error() -> None:
    requests = [request(PAIR, X=rows(1, 0))] * 2
    with pytest.raises(TensorError, match=r"output 'Y' the shape \[3, 2\] for a batch of 2"):
        BatchArrays(PAIR).part(requests, {"Y": rows(3, 0)})


def test_only_outputs_that_are_wanted_are_computed() -> None:
    one = request(PAIR, X=rows(1, 0))
    arrays = BatchArrays(PAIR)
    assert arrays.outputs_of([one._replace(outputs=["Z"])]) == ["Z"]
    assert arrays.outputs_of([one._replace(outputs=["Z"]), one._replace(outputs=["Y"])]) == ["Y", "Z"]
