"""The parameters of an inference request: the server's own, and those that the model gets."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from app.open_inference.json_values import UNSIGNED, internal, is_unsigned, unsigned, wrong_kind
from handler.tensors.errors import TensorError
from handler.tensors.requests import NO_SEQUENCE, Parameter, SequencePosition

RESERVED = "triton_"
MAX_SEQUENCE_ID = 128
"""Bytes of a sequence's id that is a string."""


class InferParameters(NamedTuple):
    """The parameters of one request."""

    sequence: SequencePosition
    priority: int
    timeout: int
    is_binary: bool
    """Whether outputs that are not listed are wanted as raw tensors."""
    own: dict[str, Parameter]
    """Those of the model."""

    @classmethod
    def of_body(cls, values: Mapping[str, Any]) -> "InferParameters":
        """Those of a body; raises TensorError."""
        given = values.get("parameters")
        if given is None:
            return cls(NO_SEQUENCE, 0, 0, False, {})
        if not isinstance(given, dict):
            raise internal("failed to get request params.: attempt to get members for non-object")
        own = dict(given)
        sequence = SequencePosition(
            _sequence_id(own.pop("sequence_id", 0)), _switch(own, "sequence_start"), _switch(own, "sequence_end")
        )
        priority, timeout = (unsigned(own.pop(name, 0), name) for name in ("priority", "timeout"))
        is_binary = _switch(own, "binary_data_output")
        for name, value in own.items():
            check_parameter(name, value)
        return cls(sequence, priority, timeout, is_binary, own)


def check_parameter(name: str, value: Any) -> None:
    """Raise TensorError for a parameter that no model may be given."""
    if name.startswith(RESERVED):
        raise TensorError(
            "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified."
        )
    if not isinstance(value, bool | int | float | str):
        raise TensorError(f"parameter '{name}' has invalid type. It should be either 'int', 'bool', or 'string'.")


def _sequence_id(value: Any) -> int | str:
    if not is_unsigned(value) and not isinstance(value, str):
        raise wrong_kind("sequence_id", "string")
    return check_correlation_id(value)


def check_correlation_id(value: int | str) -> int | str:
    """The id of a sequence, a number of 64 bits or a string; raises TensorError for one that is too long."""
    if isinstance(value, int):
        return value % UNSIGNED
    if len(value.encode("utf-8", "replace")) > MAX_SEQUENCE_ID:
        raise TensorError(f"string correlation ID cannot be longer than {MAX_SEQUENCE_ID} characters")
    return value


def _switch(values: dict[str, Any], name: str) -> bool:
    value = values.pop(name, False)
    if not isinstance(value, bool):
        raise wrong_kind(name, "boolean")
    return value
