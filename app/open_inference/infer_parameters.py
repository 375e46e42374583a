"""The parameters of an inference request: the server's own, and those that the model gets."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from app.open_inference.json_values import UNSIGNED, internal, is_unsigned, unsigned, wrong_kind
from handler.tensors.errors import Code, TensorError
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
        if "parameters" not in values:
            return cls(NO_SEQUENCE, 0, 0, False, {})
        given = values["parameters"]
        if not isinstance(given, dict):
            raise internal("failed to get request params.: attempt to get members for non-object")
        servers, own = dict[str, Any](), dict[str, Parameter]()
        for name, value in given.items():
            if name in READERS:
                servers[name] = READERS[name](value, name)
            else:
                check_parameter(name, value)
                own[name] = value
        sequence = SequencePosition(
            servers.get("sequence_id", 0), servers.get("sequence_start", False), servers.get("sequence_end", False)
        )
        is_binary = servers.get("binary_data_output", False)
        return cls(sequence, servers.get("priority", 0), servers.get("timeout", 0), is_binary, own)


def check_parameter(name: str, value: Any) -> None:
    """Raise TensorError for a parameter that no model may be given."""
    if name.startswith(RESERVED):
        raise TensorError(
            "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified."
        )
    check_kind(name, value)


def check_kind(name: str, value: Any) -> None:
    """Raise TensorError for a parameter that is null, an array or an object."""
    if not isinstance(value, bool | int | float | str):
        raise TensorError(f"parameter '{name}' has invalid type. It should be either 'int', 'bool', or 'string'.")


def _sequence_id(value: Any, name: str) -> int | str:
    if not is_unsigned(value) and not isinstance(value, str):
        raise wrong_kind(name, "string")
    return check_correlation_id(value)


def check_correlation_id(value: int | str) -> int | str:
    """The id of a sequence, a number of 64 bits or a string; raises TensorError for one that is too long."""
    if isinstance(value, int):
        return value % UNSIGNED
    if len(value.encode("utf-8", "replace")) > MAX_SEQUENCE_ID:
        message = f"string correlation ID cannot be longer than {MAX_SEQUENCE_ID} characters"
        raise TensorError(message, Code.UNSUPPORTED)
    return value


def _switch(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise wrong_kind(name, "boolean")
    return value


READERS: Mapping[str, Callable[[Any, str], Any]] = {
    "sequence_id": _sequence_id, "sequence_start": _switch, "sequence_end": _switch, "priority": unsigned,
    "timeout": unsigned, "binary_data_output": _switch,
}  # fmt: skip
"""The server's own parameters, and what makes them of JSON."""
