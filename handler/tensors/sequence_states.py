"""The implicit state of sequences: outputs of one request that are inputs of the next, kept here in between."""

from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

import numpy as np

from handler.tensors.datatypes import BYTES, Datatype
from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.tensor import Raw, Shape, Tensor


class StateSpec(NamedTuple):
    """One tensor of the state, by the names that it has as an input and as an output."""

    input: str
    output: str
    datatype: Datatype
    dims: Shape
    """Of the first request's; -1 counts as 1."""
    initial: Raw | None = None
    """The elements for the first request; zeros if there are none."""


class SequenceStates:
    """The states of all sequences of one version; those of one sequence are never used at the same time."""

    def __init__(self, specs: Sequence[StateSpec], *, has_batch: bool) -> None:
        self.specs = specs
        self._has_batch = has_batch
        self._states: dict[int | str, list[Tensor]] = {}
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<SequenceStates of {len(self._states)} sequences>"

    def extended(self, request: TensorRequest) -> TensorRequest:
        """The request with the state of its sequence, and with the wish for the next state."""
        position = request.sequence
        with self._lock:
            state = None if position.start else self._states.get(position.id)
        inputs = [*request.inputs, *(state or [self._initial(spec) for spec in self.specs])]
        return request._replace(inputs=inputs, outputs=(*request.outputs, *(spec.output for spec in self.specs)))

    def keep(self, request: TensorRequest, response: TensorResponse) -> TensorResponse:
        """The response without the next state, which is kept until the sequence ends."""
        names = {spec.output: spec.input for spec in self.specs}
        state = [tensor.renamed(names[tensor.name]) for tensor in response.outputs if tensor.name in names]
        with self._lock:
            if request.sequence.end:
                self._states.pop(request.sequence.id, None)
            else:
                self._states[request.sequence.id] = state
        return response._replace(outputs=[tensor for tensor in response.outputs if tensor.name not in names])

    def _initial(self, spec: StateSpec) -> Tensor:
        dims = tuple(max(1, size) for size in spec.dims)
        shape = (1, *dims) if self._has_batch else dims
        if spec.initial is not None:
            return Tensor(spec.input, spec.datatype, shape, raw=spec.initial)
        zeros = np.full(shape, b"", object) if spec.datatype is BYTES else np.zeros(shape, spec.datatype.dtype)
        return Tensor.of_array(spec.input, spec.datatype, zeros)
