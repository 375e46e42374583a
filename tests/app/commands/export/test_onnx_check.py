"""Outputs of an exported file are compared with those of the original."""

import numpy as np
import pytest

from app.commands.export.onnx_check import WrongOutput, flat_outputs, output_gaps


def test_the_gaps_of_each_output() -> None:
    (gap,) = output_gaps(["y"], [np.array([1.0, 10.0])], [np.array([1.5, 10.0])])
    assert (gap.largest, gap.mean, gap.relative) == (0.5, 0.25, 0.05)


def test_nan_equals_nan_and_nothing_else() -> None:
    nan = np.array([np.nan])
    assert output_gaps(["y"], [nan], [nan])[0].largest == 0
    assert output_gaps(["y"], [np.zeros(1)], [nan])[0].largest == np.inf


@pytest.mark.parametrize("found", [[], [np.zeros(3)]])
def test_another_shape_or_number_is_wrong(found: list[np.ndarray]) -> None:
    with pytest.raises(WrongOutput):
        output_gaps(["y"], [np.zeros(2)], found)


def test_results_of_any_structure_become_flat() -> None:
    assert flat_outputs({"a": np.zeros(1), "b": [np.ones(2), (None, 3.0)]})[2] == 3.0
