"""The forms of outputs."""

from typing import Any

import pytest

from app.open_inference.output_format import OutputFormat, Region, output_formats
from handler.tensors.errors import TensorError


class Everything:
    """Shared memory in which every region is."""

    def view(self, region: Region) -> memoryview:
        return memoryview(bytes(region.byte_size))


def test_outputs_are_wanted_as_they_say() -> None:
    region = {"shared_memory_region": "r", "shared_memory_byte_size": 8, "shared_memory_offset": 4}
    outputs = [
        {"name": "A"}, {"name": "B", "parameters": {"binary_data": True, "classification": 3}},
        {"name": "C", "parameters": region},
    ]  # fmt: skip
    assert output_formats({"outputs": outputs}, Everything()) == {
        "A": OutputFormat(), "B": OutputFormat(True, 3), "C": OutputFormat(region=Region("r", 8, 4)),
    }  # fmt: skip
    assert output_formats({}, Everything()) == {}


def test_of_an_output_that_is_listed_twice_the_first_form_counts() -> None:
    twice = [{"name": "A", "parameters": {"binary_data": True}}, {"name": "A"}]
    assert output_formats({"outputs": twice}, Everything()) == {"A": OutputFormat(is_binary=True)}


@pytest.mark.parametrize(("output", "words"), [
    ({}, "Unable to parse 'name': attempt to access non-existing object member 'name'"),
    ({"name": "A", "parameters": {"classification": "2"}}, "Unable to set 'classification': attempt to access JSON non-"),  # noqa: E501
    ({"name": "A", "parameters": {"binary_data": 1}}, "Unable to parse 'binary_data'"),
    ({"name": "A", "parameters": {"shared_memory_byte_size": "8"}}, "Unable to parse 'shared_memory_byte_size'"),
    ({"name": "A", "parameters": {"shared_memory_offset": -1}}, "Unable to parse 'shared_memory_offset'"),
    ({"name": "A", "parameters": {"shared_memory_region": "r", "classification": 1}}, "and 'classification'"),
    ({"name": "A", "parameters": {"shared_memory_region": "r", "binary_data": True}}, "and 'binary_data'"),
    ({"name": "A", "parameters": {"shared_memory_region": "r", "binary_data": 1}}, "Unable to set 'binary_data'"),
])  # fmt: skip
def test_wrong_outputs_are_refused(output: Any, words: str) -> None:
    with pytest.raises(TensorError) as caught:
        output_formats({"outputs": [output]}, Everything())
    assert words in caught.value.message
