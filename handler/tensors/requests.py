"""Values that travel between a client of tensors and a model: a request, and any number of responses to it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from handler.job import Deferred
from handler.tensors.errors import TensorError
from handler.tensors.tensor import Tensor

Parameter = bool | int | float | str
NO_PARAMETERS: Mapping[str, Parameter] = MappingProxyType({})


class SequencePosition(NamedTuple):
    """The sequence that a request belongs to, and whether it is its first or its last request."""

    id: int | str = 0
    """The correlation id; 0 and "" mean that the request belongs to no sequence."""
    start: bool = False
    end: bool = False


NO_SEQUENCE = SequencePosition()


class TensorRequest(NamedTuple):
    """A request of tensors: as a client sent it, or, once `Signature.check` has looked at it, as its model gets it."""

    inputs: Sequence[Tensor]
    outputs: Sequence[str] = ()
    """The names of the outputs that are wanted; a client that names none wants all."""
    id: str = ""
    rows: int = 1
    """Its size in a batch: the batch dimension, 1 where there is none."""
    group: object = None
    """Equal for requests that may share a batch: variable shapes, and the names of the inputs that are there."""
    parameters: Mapping[str, Parameter] = NO_PARAMETERS
    """Those that are not the server's own."""
    sequence: SequencePosition = NO_SEQUENCE
    priority: int = 0
    """1 is served first; 0 means the model's default."""
    timeout: int = 0
    """Microseconds that it may wait in a queue; 0 where the client says nothing."""


class TensorResponse(NamedTuple):
    """One response: tensors, or an error in their place. A model that is not decoupled gives exactly one."""

    outputs: Sequence[Tensor] = ()
    parameters: Mapping[str, Parameter] = NO_PARAMETERS
    error: TensorError | None = None
    is_empty: bool = False
    """Whether it only says that no more responses come."""


FINAL = TensorResponse(is_empty=True)
"""Ends the responses to a request without adding one."""
DEFERRED = Deferred()
TensorOutcome = TensorResponse | TensorError | Deferred
"""A response, an error of the whole batch, or the promise that responses come by another way."""
