"""Requests are checked, and refused in Triton's words."""

import numpy as np
import pytest

from handler.tensors.datatypes import BY_NAME, BYTES
from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.signature import Signature, TensorSpec
from handler.tensors.tensor import Tensor

FP32 = BY_NAME["FP32"]
PAIR = Signature("pair", 8, [TensorSpec("A", FP32, (4,)), TensorSpec("B", FP32, (4,))], [TensorSpec("SUM", FP32, (4,))])
FIXED = Signature("fixed", 0, [TensorSpec("X", FP32, (-1,))], [TensorSpec("Y", FP32, (-1,))])
TEXT = Signature("text", 4, [TensorSpec("T", BYTES, (1,))], [])
CHOICE = Signature(
    "choice",
    0,
    [TensorSpec("X", FP32, (1,)), TensorSpec("Y", FP32, (1,), optional=True)],
    [TensorSpec("Z", FP32, (1,))],
)


def floats(name: str, *shape: int) -> Tensor:
    return Tensor(name, FP32, shape, raw=np.zeros([abs(size) for size in shape], np.float32).tobytes())


def text(shape: tuple[int, ...], raw: bytes) -> Tensor:
    return Tensor("T", BYTES, shape, raw=raw)


def refusal(signature: Signature, *inputs: Tensor, outputs: tuple[str, ...] = (), request_id: str = "") -> TensorError:
    with pytest.raises(TensorError) as caught:
        signature.check(TensorRequest(inputs, outputs, request_id))
    return caught.value


def test_a_request_gets_its_rows_and_all_outputs() -> None:
    checked = PAIR.check(TensorRequest((floats("A", 3, 4), floats("B", 3, 4))))
    assert checked.rows == 3
    assert checked.outputs == ("SUM",)
    assert checked.group is None


def test_a_model_without_batching_counts_a_request_as_one() -> None:
    assert FIXED.check(TensorRequest((floats("X", 7),))).rows == 1


@pytest.mark.parametrize(("signature", "inputs", "words"), [
    (PAIR, [floats("A", 1, 4)], ("expected 2 inputs but got 1 inputs for model 'pair'. Got input(s) ['A'], but missing "
     "required input(s) ['B']. Please provide all required input(s).")),
    (PAIR, [floats(name, 1, 4) for name in "ABC"], ("expected 2 inputs but got 3 inputs for model 'pair'. Got input(s) "
     "['C','B','A'], but missing required input(s) ]. Please provide all required input(s).")),
    (CHOICE, [], ("expected number of inputs between 1 and 2 but got 0 inputs for model 'choice'. Got input(s) [], but "
     "missing required input(s) ['X']. Please provide all required input(s).")),
    (PAIR, [floats("A", 1, 4), floats("A", 1, 4)], "input 'A' already exists in request"),
    (PAIR, [floats("A", 1, 4), floats("B", 2, 4)], "input 'A' batch size does not match other inputs for 'pair'"),
    (PAIR, [floats("A", 9, 4), floats("B", 9, 4)], "inference request batch-size must be <= 8 for 'pair'"),
    (PAIR, [floats("A"), floats("B", 9, 4)], "input 'A' has no shape but model requires batch dimension for 'pair'"),
    (FIXED, [floats("X", 1, 1)], "unexpected shape for input 'X' for model 'fixed'. Expected [-1], got [1,1]. "),
    (FIXED, [floats("X", -1)], "All input dimensions should be specified for input 'X' for model 'fixed', got [-1]"),
    (FIXED, [floats("X", -1, 1)], "unexpected shape for input 'X' for model 'fixed'. Expected [-1], got [-1,1]. "),
    (PAIR, [floats("A", 1, -1), floats("B", 1, 4)],
     "All input dimensions should be specified for input 'A' for model 'pair', got [1,-1]"),
    (FIXED, [Tensor("X", BY_NAME["INT32"], (1,), raw=b"0000")],
     "inference input 'X' data-type is 'INT32', but model 'fixed' expects 'FP32'"),
    (FIXED, [Tensor("X", FP32, (4,), raw=b"0" * 12)],
     "input byte size mismatch for input 'X' for model 'fixed'. Expected 16, got 12"),
    (TEXT, [text((2, 1), b"\x01\0\0\0a")],
     "expected 2 string elements for inference input 'T' for model 'text', got 1"),
    (TEXT, [text((1, 1), b"\0\0\0\0" * 2)],
     "unexpected number of string elements 2 for inference input 'T' for model 'text', expecting 1"),
    (TEXT, [text((1, 1), b"ab")],
     ("incomplete string length indicator for inference input 'T' for model 'text', expecting 4 bytes but only 2 bytes "
     "available. Please make sure the string length indicator is in one buffer.")),
    (TEXT, [text((0, 1), b"")], "expected 1 string elements for inference input 'T' for model 'text', got 0"),
])  # fmt: skip
def test_wrong_inputs_are_refused(signature: Signature, inputs: list[Tensor], words: str) -> None:
    error = refusal(signature, *inputs, request_id="r1")
    assert error.message == f"[request id: r1] {words}"
    assert error.code is Code.INVALID_ARG


def test_the_batch_dimension_is_explained_where_the_model_has_one() -> None:
    words = refusal(PAIR, floats("A", 1, 5), floats("B", 1, 4)).message
    assert "Expected [-1,4], got [1,5]. NOTE: Setting a non-zero max_batch_size" in words


def test_unknown_names_are_refused() -> None:
    assert (
        refusal(PAIR, floats("A", 1, 4), floats("C", 1, 4)).message == "unexpected inference input 'C' for model 'pair'"
    )
    error = refusal(FIXED, floats("X", 1), outputs=("W",))
    assert error.message == "unexpected inference output 'W' for model 'fixed'"


def test_a_string_longer_than_its_tensor_is_found_late() -> None:
    error = refusal(TEXT, text((1, 1), b"\x09\0\0\0ab"))
    assert error.is_late
    assert error.message.endswith("inference input 'T', expecting string of length 9 but only 2 bytes available")


def test_an_optional_input_may_be_left_out() -> None:
    assert len(CHOICE.check(TensorRequest((floats("X", 1),))).inputs) == 1


def test_requests_of_other_shapes_or_inputs_form_other_groups() -> None:
    wide = Signature("wide", 8, [TensorSpec("X", FP32, (-1,)), TensorSpec("Y", FP32, (1,), optional=True)], [])
    groups = [
        wide.check(TensorRequest(inputs)).group
        for inputs in (
            [floats("X", 1, 4)],
            [floats("X", 2, 4)],
            [floats("X", 1, 5)],
            [floats("X", 1, 4), floats("Y", 1, 1)],
        )
    ]
    assert groups[0] == groups[1]
    assert len({*groups}) == 3


def test_ragged_inputs_form_no_groups() -> None:
    ragged = Signature("ragged", 8, [TensorSpec("X", FP32, (-1,), ragged=True)], [])
    assert ragged.check(TensorRequest([floats("X", 1, 4)])).group is None


def test_the_model_sees_reshaped_inputs_and_the_client_reshaped_outputs() -> None:
    shapes = Signature("shapes", 4, [TensorSpec("X", FP32, (1, -1), (-1, 1))], [TensorSpec("Y", FP32, (1,), ())])
    checked = shapes.check(TensorRequest([floats("X", 2, 1, 3)]))
    assert checked.inputs[0].shape == (2, 3, 1)
    answer = shapes.answer(checked, TensorResponse([floats("Y", 2), floats("OTHER", 2)]))
    assert [tensor.shape for tensor in answer.outputs] == [(2, 1)]


def test_an_output_of_an_unexpected_shape_passes_as_it_is() -> None:
    shapes = Signature("shapes", 4, [TensorSpec("X", FP32, (1,))], [TensorSpec("Y", FP32, (1,), ())])
    checked = shapes.check(TensorRequest([floats("X", 2, 1)]))
    assert shapes.answer(checked, TensorResponse([floats("Y", 2, 5)])).outputs[0].shape == (2, 5)


@pytest.mark.parametrize(("dims", "datatype", "size", "shape"), [
    ((4,), FP32, 16, (1, 4)), ((-1, 2), FP32, 24, (1, 3, 2)), ((1,), BYTES, 9, (1, 1)),
])  # fmt: skip
def test_bytes_alone_have_the_shape_of_the_only_input(dims: tuple[int, ...], datatype, size: int, shape) -> None:  # type: ignore[no-untyped-def]
    signature = Signature("raw", 2, [TensorSpec("X", datatype, dims)], [])
    assert signature.shape_of_raw(signature.only_input(""), size, "") == shape


@pytest.mark.parametrize(("dims", "datatype"), [((-1, -1), FP32), ((2,), BYTES), ((-1,), BYTES)])
def test_bytes_alone_may_have_no_certain_shape(dims: tuple[int, ...], datatype) -> None:  # type: ignore[no-untyped-def]
    signature = Signature("raw", 0, [TensorSpec("X", datatype, dims)], [])
    with pytest.raises(TensorError, match="raw input 'X'"):
        signature.shape_of_raw(signature.only_input(""), 8, "")


def test_bytes_alone_do_not_suffice_for_two_inputs() -> None:
    with pytest.raises(TensorError, match=r"\(found 1\) to be deduced but got 2 inputs in 'pair' model configuration"):
        PAIR.only_input("")
