"""A model's configuration in its other forms: protobuf's text as in config.pbtxt, and JSON."""

import json
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, text_format
from google.protobuf.descriptor import FieldDescriptor

from model_registry.triton.config.messages import ModelConfig

LATER_FIELDS = {"max_inflight_requests"}
"""Fields of later releases than the one whose contract clients see: they are there if set."""


class InvalidConfig(ValueError):
    """A configuration cannot be read, or asks for something that cannot be."""


def config_of_text(text: str) -> Any:
    """The message of a config.pbtxt; raises InvalidConfig."""
    try:
        return text_format.Parse(text, ModelConfig())
    except text_format.ParseError as error:
        raise InvalidConfig(f"failed to read text proto: {error}") from error


def config_of_json(text: str) -> Any:
    """The message of a configuration's JSON form; raises InvalidConfig."""
    try:
        return json_format.Parse(text, ModelConfig())
    except (json_format.ParseError, ValueError) as error:
        raise InvalidConfig(f"failed to convert the model config from JSON: {error}") from error


def config_of_values(values: Mapping[str, Any]) -> Any:
    """The message of a configuration's JSON form that is parsed already; raises InvalidConfig."""
    return config_of_json(json.dumps(values))


def json_of_config(message: Any) -> dict[str, Any]:
    """The JSON form of a configuration, as Triton has it: the order of its text, and every default written out.

    Names are the original ones, 64-bit integers are numbers; messages and members of a `oneof` are there if set.
    """
    set_fields = {field.name for field, _ in message.ListFields()}
    fields = [
        field
        for field in message.DESCRIPTOR.fields
        if field.name in set_fields or not (field.has_presence or field.name in LATER_FIELDS)
    ]
    return {field.name: _value(field, getattr(message, field.name)) for field in fields}


def _value(field: FieldDescriptor, value: Any) -> Any:
    if _is_map(field):
        entry = field.message_type.fields_by_name["value"]
        return {str(key): _single(entry, value[key]) for key in value}
    if field.is_repeated:
        return [_single(field, each) for each in value]
    return _single(field, value)


def _single(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None:
        return json_of_config(value)
    return field.enum_type.values_by_number[value].name if field.enum_type is not None else value


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry
