"""The sequences of a model that keeps state: which are under way, and the inputs by which the model learns of them."""

from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

import numpy as np

from handler.tensors.datatypes import BYTES, Datatype
from handler.tensors.errors import TensorError
from handler.tensors.requests import SequencePosition, TensorRequest
from handler.tensors.tensor import Array, Tensor


class Control(NamedTuple):
    """An input that clients do not send: `kind` is what it says, `values` stand for false and true."""

    name: str
    kind: str
    datatype: Datatype
    values: Sequence[float] = ()

    def tensor(self, position: SequencePosition, shape: Sequence[int]) -> Tensor:
        """The input for a request at that position."""
        return Tensor.of_array(self.name, self.datatype, self._array(position).reshape(shape))

    def _array(self, position: SequencePosition) -> Array:
        if self.kind == "CORRID":
            return self._correlation_id(position.id)
        flag = {"START": position.start, "END": position.end, "READY": True}[self.kind]
        return np.array([self.values[flag]], self.datatype.dtype)

    def _correlation_id(self, value: int | str) -> Array:
        if self.datatype is BYTES:
            return np.array([str(value).encode()], object)
        number = value if isinstance(value, int) else 0
        return np.array([number], np.uint64).astype(self.datatype.dtype)


class SequenceChecks:
    """Admits requests to sequences; one that has been idle for too long is over. `max_idle` is in seconds."""

    def __init__(self, model: str, max_idle: float, controls: Sequence[Control], *, has_batch: bool) -> None:
        self._model = model
        self._max_idle = max_idle
        self._controls = controls
        self._shape = (1, 1) if has_batch else (1,)
        self._last_use: dict[int | str, float] = {}

    def __repr__(self) -> str:
        return f"<SequenceChecks of {self._model}, {len(self._last_use)} sequences>"

    def admit(self, request: TensorRequest) -> TensorRequest:
        """The request with its controls; raises TensorError for one that belongs to no sequence under way."""
        position = request.sequence
        if not position.id:
            raise TensorError(
                f"inference request to model '{self._model}' must specify a non-zero or non-empty correlation ID"
            )
        if request.rows > 1:
            raise TensorError(
                f"inference request to model '{self._model}' must specify batch-size 1 due to requirements of sequence "
                "batcher"
            )
        self._drop_idle()
        if not position.start and position.id not in self._last_use:
            raise TensorError(
                f"inference request for sequence {position.id} to model '{self._model}' must specify the START flag on "
                "the first request of the sequence"
            )
        if position.end:
            self._last_use.pop(position.id, None)
        else:
            self._last_use.pop(position.id, None)  # the order of the dictionary is that of the last use
            self._last_use[position.id] = monotonic()
        controls = [control.tensor(position, self._shape) for control in self._controls]
        return request._replace(inputs=[*request.inputs, *controls])

    def _drop_idle(self) -> None:
        limit = monotonic() - self._max_idle
        for key, used in list(self._last_use.items()):
            if used >= limit:
                return
            del self._last_use[key]
