"""Descriptions of inputs are read, or refused with their reason."""

import numpy as np
import pytest

from app.commands.export.input_spec import InputSpec, InvalidInput


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1x64x469 float32", InputSpec("", ("batch", 64, 469))),
        ("8", InputSpec("", ("batch",))),
        ("ids=1xlength int64 0..9", InputSpec("ids", ("batch", "length"), "int64", (0, 9))),
        ("Nx3 bool", InputSpec("", ("N", 3), "bool")),
    ],
)
def test_a_description_is_read(text: str, expected: InputSpec) -> None:
    assert InputSpec.parse(text) == expected


def test_a_static_input_keeps_its_first_size() -> None:
    assert InputSpec.parse("1x3", static=True) == InputSpec("", (1, 3))


@pytest.mark.parametrize("text", ["", "1,64", "1x64 floaty", "0x3", "ids=1x3 int64 9..0", "1x64 float32 x"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        InputSpec.parse(text)


def test_examples_have_their_sizes_and_values() -> None:
    array = InputSpec.parse("ids=1xlength int64 3..4").example(2, np.random.default_rng(0))
    assert array.shape == (2, 2)
    assert array.dtype == np.int64
    assert set(array.ravel()) <= {3, 4}
