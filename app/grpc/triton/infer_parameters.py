"""The parameters of requests of inference over gRPC, with Triton's words for those of a wrong kind."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from app.open_inference.infer_parameters import check_correlation_id
from app.open_inference.output_format import OutputFormat, Region
from handler.tensors.errors import TensorError
from handler.tensors.requests import NO_SEQUENCE, Parameter, SequencePosition

RESERVED = "triton_"
EMPTY_FINAL = "triton_enable_empty_final_response"
KINDS = {"bool_param", "int64_param", "string_param", "double_param"}
"""Those that a model may be given."""


class GrpcParameters(NamedTuple):
    """The parameters of one request."""

    own: Mapping[str, Parameter]
    """Those of the model."""
    sequence: SequencePosition = NO_SEQUENCE
    priority: int = 0
    timeout: int = 0
    wants_empty_final: bool = False
    """Whether a stream is to say it when no more responses come."""


def read_parameters(given: Mapping[str, Any]) -> GrpcParameters:
    """Those of a request; raises TensorError."""
    own: dict[str, Parameter] = {}
    found: dict[str, Any] = {}
    for name, parameter in given.items():
        if name == "sequence_id":
            found[name] = check_correlation_id(_value(name, parameter, "int64_param", "string_param"))
        elif name in ("sequence_start", "sequence_end", EMPTY_FINAL):
            found[name] = _value(name, parameter, "bool_param")
        elif name == "priority":
            found[name] = _not_negative(name, _value(name, parameter, "int64_param", "uint64_param"))
        elif name == "timeout":
            found[name] = _value(name, parameter, "int64_param")
        else:
            own[name] = _own(name, parameter)
    if not found:
        return GrpcParameters(own)
    return GrpcParameters(
        own,
        SequencePosition(
            found.get("sequence_id", 0), found.get("sequence_start", False), found.get("sequence_end", False)
        ),
        found.get("priority", 0),
        max(0, found.get("timeout", 0)),
        found.get(EMPTY_FINAL, False),
    )


def read_format(name: str, given: Mapping[str, Any]) -> OutputFormat:
    """The form in which an output is wanted; raises TensorError."""
    classes = 0
    if "classification" in given:
        classes = _value("classification", given["classification"], "int64_param", ending="")
        if classes <= 0:
            raise TensorError("invalid value for 'classification' parameter, expected >= 0")
    region = read_region(name, given)
    if classes and region is not None:
        raise TensorError("output can't set both 'shared_memory_region' and 'classification'")
    return OutputFormat(is_binary=True, classes=classes, region=region)


def read_region(tensor: str, given: Mapping[str, Any]) -> Region | None:
    """The shared memory that an input or output names; raises TensorError."""
    about = f" for tensor '{tensor}'"
    if "shared_memory_region" not in given:
        for name in ("shared_memory_offset", "shared_memory_byte_size"):
            if name in given:
                raise TensorError(f"'{name}' can not be specified without 'shared_memory_region' parameter{about}")
        return None
    name = _value("shared_memory_region", given["shared_memory_region"], "string_param", about=about)
    offset = 0
    if "shared_memory_offset" in given:
        offset = _value("shared_memory_offset", given["shared_memory_offset"], "int64_param", about=about)
    if "shared_memory_byte_size" not in given:
        raise TensorError(
            f"'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter{about}"
        )
    size = _value("shared_memory_byte_size", given["shared_memory_byte_size"], "int64_param", about=about)
    if size < 0 or offset < 0:
        raise TensorError(f"Invalid offset + byte size for shared memory region: '{name}'")
    return Region(name, size, offset)


def write_parameter(parameter: Any, value: Parameter) -> None:
    """Set a parameter of a response."""
    if isinstance(value, bool):
        parameter.bool_param = value
    elif isinstance(value, int):
        parameter.int64_param = value
    elif isinstance(value, float):
        parameter.double_param = value
    else:
        parameter.string_param = value


def _own(name: str, parameter: Any) -> Parameter:
    if name.startswith(RESERVED):
        raise TensorError(
            f"parameter keys starting with '{RESERVED}' are reserved for Triton usage. Only the following keys "
            f"starting with '{RESERVED}' are allowed: {EMPTY_FINAL}"
        )
    kind = parameter.WhichOneof("parameter_choice")
    if kind not in KINDS:
        raise TensorError(
            f"invalid value type for '{name}' parameter, expected int64_param, bool_param, or string_param."
        )
    value: Parameter = getattr(parameter, kind)
    return value


def _value(name: str, parameter: Any, *kinds: str, about: str = "", ending: str = ".") -> Any:
    kind = parameter.WhichOneof("parameter_choice")
    if kind not in kinds:
        raise TensorError(f"invalid value type for '{name}' parameter{about}, expected {' or '.join(kinds)}{ending}")
    return getattr(parameter, kind)


def _not_negative(name: str, value: int) -> int:
    if value < 0:
        raise TensorError(f"invalid value for '{name}', expected value >= 0.")
    return value
