"""Parameters over gRPC, and what is said of those of a wrong kind."""

from typing import Any

import pytest

from app.grpc.triton.infer_parameters import read_format, read_parameters, read_region, write_parameter
from app.grpc.triton.raw_contents import Request, Response
from app.open_inference.output_format import Region
from handler.tensors.errors import TensorError
from handler.tensors.requests import SequencePosition


def parameters(**values: Any) -> Any:
    """Parameters of a request: a pair of the kind and the value for each."""
    made = Request()
    for name, (kind, value) in values.items():
        setattr(made.parameters[name], f"{kind}_param", value)
    return made.parameters


def test_the_servers_own_parameters_do_not_reach_the_model() -> None:
    given = read_parameters(parameters(
        sequence_id=("string", "a"), sequence_end=("bool", True), priority=("uint64", 2), timeout=("int64", 5),
        triton_enable_empty_final_response=("bool", True), own=("double", 0.5),
    ))  # fmt: skip
    assert given.own == {"own": 0.5}
    assert given.sequence == SequencePosition("a", start=False, end=True)
    assert (given.priority, given.timeout, given.wants_empty_final) == (2, 5, True)


@pytest.mark.parametrize(("name", "kind", "value", "words"), [
    ("timeout", "string", "x", "'timeout' parameter, expected int64_param."),
    ("priority", "int64", -1, "expected value >= 0"),
    ("sequence_start", "int64", 1, "expected bool_param"),
    ("u", "uint64", 1, "expected int64_param, bool_param, or string_param"),
    ("triton_x", "bool", True, "reserved for Triton usage"),
])  # fmt: skip
def test_wrong_kinds_are_named(name: str, kind: str, value: Any, words: str) -> None:
    with pytest.raises(TensorError, match=words):
        read_parameters(parameters(**{name: (kind, value)}))


def test_outputs_are_wanted_in_a_region_or_as_classes() -> None:
    region = {"shared_memory_region": ("string", "r"), "shared_memory_byte_size": ("int64", 8)}
    assert read_region("X", parameters(**region)) == Region("r", 8, 0)
    assert read_format("X", parameters(classification=("int64", 3))).classes == 3
    for wrong in (
        {"shared_memory_region": ("string", "r")},
        {**region, "shared_memory_offset": ("int64", -1)},
        {"shared_memory_byte_size": ("int64", 8)},
        {"shared_memory_offset": ("int64", 0)},
        {**region, "classification": ("int64", 1)},
        {"classification": ("int64", 0)},
        {"classification": ("string", "1")},
    ):
        with pytest.raises(TensorError):
            read_format("X", parameters(**wrong))


@pytest.mark.parametrize(("value", "kind"), [(True, "bool"), (3, "int64"), (0.5, "double"), ("x", "string")])
def test_parameters_of_responses_keep_their_kind(value: Any, kind: str) -> None:
    parameter = Response().parameters["p"]
    write_parameter(parameter, value)
    assert (parameter.WhichOneof("parameter_choice"), getattr(parameter, f"{kind}_param")) == (f"{kind}_param", value)
