"""The forms in which a client wants the outputs of a request."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from app.open_inference.json_values import (
    array_member,
    internal,
    is_unsigned,
    member,
    object_or_empty,
    string_member,
    unsigned,
    wrong_kind,
)


class Region(NamedTuple):
    """A piece of a shared memory region."""

    name: str
    byte_size: int
    offset: int


class Regions(Protocol):
    """The shared memory regions that clients have registered."""

    def view(self, region: Region) -> memoryview:
        """The memory of a piece; raises TensorError."""


class OutputFormat(NamedTuple):
    """The form in which a client wants an output."""

    is_binary: bool = False
    classes: int = 0
    """The number of classes that it wants instead of the elements; 0 for the elements."""
    region: Region | None = None
    """The shared memory to write to."""


def output_formats(values: Mapping[str, Any]) -> dict[str, OutputFormat]:
    """The formats of the outputs that a body lists, by their names; raises TensorError."""
    if "outputs" not in values:
        return {}
    return {string_member(each, "name"): _format(each) for each in array_member(values, "outputs")}


def _format(values: Mapping[str, Any]) -> OutputFormat:
    parameters = object_or_empty(values, "parameters")
    classes = parameters.get("classification", 0)
    if not is_unsigned(classes):
        raise internal(
            "Unable to set 'classification': attempt to access JSON non-unsigned-integer as unsigned-integer"
        )
    is_binary = parameters.get("binary_data", False)
    if not isinstance(is_binary, bool):
        raise wrong_kind("binary_data", "boolean")
    return OutputFormat(is_binary, classes, region_of(parameters))


def region_of(parameters: Mapping[str, Any]) -> Region | None:
    """The shared memory that an input or output names; raises TensorError."""
    if "shared_memory_region" not in parameters:
        return None
    name = string_member(parameters, "shared_memory_region")
    size = unsigned(member(parameters, "shared_memory_byte_size"), "shared_memory_byte_size")
    return Region(name, size, unsigned(parameters.get("shared_memory_offset", 0), "shared_memory_offset"))
