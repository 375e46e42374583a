"""The data types of a configuration's tensors."""

from typing import Any

from handler.tensors.datatypes import BY_CONFIG_NAME, Datatype


def datatype_in(config: Any, tensor: Any) -> Datatype | None:
    """The data type of an input, output, control or state of a configuration, None where it names none."""
    name = config.DESCRIPTOR.file.enum_types_by_name["DataType"].values_by_number[tensor.data_type].name
    return BY_CONFIG_NAME.get(name)
