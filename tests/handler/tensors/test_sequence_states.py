"""The implicit state of sequences: outputs of one request are inputs of the next."""

import numpy as np

from handler.tensors.datatypes import BYTES
from handler.tensors.requests import SequencePosition, TensorRequest, TensorResponse
from handler.tensors.sequence_states import SequenceStates, StateSpec
from handler.tensors.tensor import Tensor
from tests.support.tensor_models import INT32


def request(*position: object) -> TensorRequest:
    return TensorRequest([], ("Y",), sequence=SequencePosition(*position))  # type: ignore[arg-type]


def response(total: int) -> TensorResponse:
    return TensorResponse([Tensor.of_array(name, INT32, np.array([[total]], np.int32)) for name in ("Y", "TOTAL_OUT")])


def state(states: SequenceStates, *position: object) -> list[int]:
    extended = states.extended(request(*position))
    assert extended.outputs == ("Y", "TOTAL_OUT")
    return [int(tensor.array.item()) for tensor in extended.inputs]


def test_each_sequence_has_its_own_state_which_ends_with_it() -> None:
    states = SequenceStates([StateSpec("TOTAL", "TOTAL_OUT", INT32, (-1,))], has_batch=True)
    assert (state(states, 1, True), state(states, 2, True)) == ([0], [0])
    kept = states.keep(request(1), response(5))
    states.keep(request(2), response(7))
    assert [tensor.name for tensor in kept.outputs] == ["Y"]
    assert (state(states, 1), state(states, 2), state(states, 1, True)) == ([5], [7], [0])
    states.keep(request(1, False, True), response(6))
    assert (state(states, 1), repr(states)) == ([0], "<SequenceStates of 1 sequences>")


def test_the_first_state_has_its_shape_and_its_configured_elements() -> None:
    initial = np.array([3, 4], np.int32).tobytes()
    specs = [StateSpec("A", "A_OUT", INT32, (2, -1), initial), StateSpec("B", "B_OUT", BYTES, (1,))]
    first, second = SequenceStates(specs, has_batch=False).extended(request(1, True)).inputs
    assert (first.array.tolist(), second.array.tolist()) == ([[3], [4]], [b""])
