"""The forms of outputs."""

from typing import Any

import pytest

from app.open_inference.output_format import OutputFormat, Region, output_formats
from handler.tensors.errors import TensorError


def test_outputs_are_wanted_as_they_say() -> None:
    region = {"shared_memory_region": "r", "shared_memory_byte_size": 8, "shared_memory_offset": 4}
    outputs = [
        {"name": "A"}, {"name": "B", "parameters": {"binary_data": True, "classification": 3}},
        {"name": "C", "parameters": region},
    ]  # fmt: skip
    assert output_formats({"outputs": outputs}) == {
        "A": OutputFormat(), "B": OutputFormat(True, 3), "C": OutputFormat(region=Region("r", 8, 4)),
    }  # fmt: skip
    assert output_formats({}) == {}


@pytest.mark.parametrize(("output", "words"), [
    ({}, "Unable to parse 'name': attempt to access non-existing object member 'name'"),
    ({"name": "A", "parameters": {"classification": "2"}}, "Unable to set 'classification': attempt to access JSON non-"),  # noqa: E501
    ({"name": "A", "parameters": {"binary_data": 1}}, "Unable to parse 'binary_data'"),
    ({"name": "A", "parameters": {"shared_memory_region": "r"}}, "Unable to parse 'shared_memory_byte_size'"),
])  # fmt: skip
def test_wrong_outputs_are_refused(output: Any, words: str) -> None:
    with pytest.raises(TensorError) as caught:
        output_formats({"outputs": [output]})
    assert words in caught.value.message
