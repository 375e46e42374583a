"""The forms in which a client wants the outputs of a request."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from app.open_inference.json_values import (
    array_member,
    internal,
    is_unsigned,
    object_or_empty,
    string_member,
    unsigned,
    wrong_kind,
)
from handler.tensors.errors import TensorError


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


def output_formats(values: Mapping[str, Any], regions: Regions) -> dict[str, OutputFormat]:
    """The formats of the outputs that a body lists, by their names; raises TensorError.

    Of an output that is listed twice the first format counts.
    """
    formats: dict[str, OutputFormat] = {}
    for each in array_member(values, "outputs") if "outputs" in values else ():
        name = string_member(each, "name")
        formats.setdefault(name, _format(each, regions))
    return formats


def _format(values: Mapping[str, Any], regions: Regions) -> OutputFormat:
    parameters = object_or_empty(values, "parameters")
    if "shared_memory_region" in parameters:
        _check_region_alone(parameters)
    classes = parameters.get("classification", 0)
    if not is_unsigned(classes):
        raise internal(
            "Unable to set 'classification': attempt to access JSON non-unsigned-integer as unsigned-integer"
        )
    region = region_of(parameters)
    if region is not None:
        regions.view(region)
        return OutputFormat(region=region)
    is_binary = parameters.get("binary_data", False)
    if not isinstance(is_binary, bool):
        raise wrong_kind("binary_data", "boolean")
    return OutputFormat(is_binary, classes)


def _check_region_alone(parameters: Mapping[str, Any]) -> None:
    if "classification" in parameters:
        raise TensorError("Output can't set both 'shared_memory_region' and 'classification'")
    is_binary = parameters.get("binary_data", False)
    if not isinstance(is_binary, bool):
        raise internal("Unable to set 'binary_data': attempt to access JSON non-boolean as boolean")
    if is_binary:
        raise TensorError("Output can't set both 'shared_memory_region' and 'binary_data'")


def region_of(parameters: Mapping[str, Any]) -> Region | None:
    """The shared memory that an input or output names; raises TensorError, also for a piece of no region."""
    name = string_member(parameters, "shared_memory_region") if "shared_memory_region" in parameters else None
    offset = unsigned(parameters.get("shared_memory_offset", 0), "shared_memory_offset")
    size = unsigned(parameters.get("shared_memory_byte_size", 0), "shared_memory_byte_size")
    return None if name is None else Region(name, size, offset)
