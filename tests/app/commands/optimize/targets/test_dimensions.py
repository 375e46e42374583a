"""Sizes that follow the batch, or change otherwise, are found in recorded calls."""

import numpy as np
import pytest

from app.commands.optimize.recording import ModelCall, UnsupportedModel
from app.commands.optimize.targets.dimensions import dynamic_dimensions, example_call, fixed_lengths


def call(rows: int, *shapes: tuple[int, ...]) -> ModelCall:
    return ModelCall(rows, {f"i{place}": np.zeros(shape, np.int64) for place, shape in enumerate(shapes)}, [])


def test_the_batch_and_a_length_that_inputs_share() -> None:
    calls = [call(1, (1, 7), (1, 7)), call(2, (2, 9), (2, 9)), call(3, (3, 9), (3, 9))]
    assert dynamic_dimensions(calls) == {"i0": {0: "batch", 1: "size_1"}, "i1": {0: "batch", 1: "size_1"}}
    assert example_call(calls).rows == 3


def test_lengths_that_never_change_are_named() -> None:
    calls = [call(1, (1, 7)), call(2, (2, 7))]
    dynamic = dynamic_dimensions(calls)
    assert dynamic == {"i0": {0: "batch"}}
    assert fixed_lengths(calls, dynamic) == ["i0 has always the length 7; requests of other lengths will fail"]


def test_a_changing_number_of_dimensions() -> None:
    with pytest.raises(UnsupportedModel, match="changing number of dimensions"):
        dynamic_dimensions([call(1, (1, 7)), call(2, (2, 7, 1))])
