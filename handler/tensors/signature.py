"""The inputs and outputs of a model, and the check that every request passes whatever protocol it came by.

The order of the checks and their words are those of Triton's `InferenceRequest::Normalize`, which goes through a
request's inputs from the last to the first.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from handler.tensors.datatypes import BYTES, Datatype
from handler.tensors.errors import TensorError, invalid
from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.strings import LENGTH, IncompleteLength, IncompleteString
from handler.tensors.tensor import Shape, Tensor

ANY = -1
"""A dimension of variable size."""
BATCH_NOTE = (
    "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each "
    "input shape. If you want to specify the full shape including the batch dim in your input dims config, try setting "
    "max_batch_size to zero. See the model configuration docs for more info on max_batch_size."
)


class TensorSpec(NamedTuple):
    """One input or output, without a batch dimension."""

    name: str
    datatype: Datatype
    dims: Shape
    """The shape that clients see; `ANY` stands for a variable size."""
    reshape: Shape | None = None
    """The shape that the model sees, where that is another one of as many elements."""
    optional: bool = False
    ragged: bool = False
    """Whether requests of different shapes may share a batch."""
    labels: Sequence[str] = ()
    """The names of the classes, by index."""


class Signature:
    """The inputs and outputs of a model. `max_batch_size` is 0 for a model without a batch dimension."""

    def __init__(
        self, model: str, max_batch_size: int, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
    ) -> None:
        self.model = model
        self.max_batch_size = max_batch_size
        self.inputs: Mapping[str, TensorSpec] = {spec.name: spec for spec in inputs}
        self.outputs: Mapping[str, TensorSpec] = {spec.name: spec for spec in outputs}
        self._output_names = tuple(self.outputs)
        self._required = sum(not spec.optional for spec in inputs)
        self._count = len(inputs)
        self._is_grouped = any(spec.optional or (ANY in spec.dims and not spec.ragged) for spec in inputs)

    def __repr__(self) -> str:
        return f"<Signature {', '.join(self.inputs)} -> {', '.join(self.outputs)}>"

    def check(self, request: TensorRequest) -> TensorRequest:
        """The request as the model gets it; raises TensorError."""
        self._check_outputs(request)
        self._check_names(request)
        rows = self._rows_of(request) if self.max_batch_size else 1
        inputs = [self._checked(tensor, request.id) for tensor in reversed(request.inputs)]
        inputs.reverse()
        return request._replace(
            inputs=inputs,
            outputs=request.outputs or self._output_names,
            rows=max(1, rows),
            group=self._group_of(inputs) if self._is_grouped else None,
        )

    def answer(self, request: TensorRequest, response: TensorResponse) -> TensorResponse:
        """The response as the client gets it: the outputs that it wants, in the model's order and in its shapes."""
        if response.error is not None:
            return response
        wanted = [self._shown(tensor) for tensor in response.outputs if tensor.name in request.outputs]
        return response._replace(outputs=wanted)

    def only_input(self, request_id: str) -> TensorSpec:
        """The input that a request means which consists of its bytes and nothing else; raises TensorError."""
        if self._count != 1:
            raise invalid(
                f"Raw request must only have 1 input (found 1) to be deduced but got {self._count} inputs in "
                f"'{self.model}' model configuration",
                request_id,
            )
        (spec,) = self.inputs.values()
        return spec

    def shape_of_raw(self, spec: TensorSpec, raw_size: int, request_id: str) -> Shape:
        """The shape that so many bytes have as that input, in a batch of one; raises TensorError."""
        if spec.dims.count(ANY) > 1:
            raise invalid(
                f"The shape of the raw input '{spec.name}' can not be deduced because there are more than one "
                "variable-sized dimension",
                request_id,
            )
        fixed = prod(size for size in spec.dims if size != ANY)
        if spec.datatype is BYTES and (ANY in spec.dims or fixed != 1):
            raise invalid(f"For BYTE datatype raw input '{spec.name}', the model must have input shape [1]", request_id)
        size = raw_size // max(1, fixed * spec.datatype.size) if ANY in spec.dims else 0
        shape = tuple(size if each == ANY else each for each in spec.dims)
        return (1, *shape) if self.max_batch_size else shape

    def _check_outputs(self, request: TensorRequest) -> None:
        unknown = [name for name in request.outputs if name not in self.outputs]
        if unknown:
            raise TensorError(f"unexpected inference output '{min(unknown)}' for model '{self.model}'")

    def _check_names(self, request: TensorRequest) -> None:
        names: dict[str, None] = {}
        for tensor in request.inputs:
            if tensor.name in names:
                raise invalid(f"input '{tensor.name}' already exists in request", request.id)
            names[tensor.name] = None
        if not self._required <= len(names) <= self._count:
            raise invalid(self._wrong_count([*reversed(names)]), request.id)
        for name in reversed(names):
            if name not in self.inputs:
                raise TensorError(f"unexpected inference input '{name}' for model '{self.model}'")

    def _wrong_count(self, given: Sequence[str]) -> str:
        missing = [spec.name for spec in self.inputs.values() if not spec.optional and spec.name not in given]
        expected = (
            f"expected {self._count} inputs"
            if self._required == self._count
            else f"expected number of inputs between {self._required} and {self._count}"
        )
        return (
            f"{expected} but got {len(given)} inputs for model '{self.model}'. Got input(s) {_listed(given) or '[]'}, "
            # Triton loses the bracket that opens an empty list of missing inputs
            f"but missing required input(s) {_listed(missing) or ']'}. Please provide all required input(s)."
        )

    def _rows_of(self, request: TensorRequest) -> int:
        """The batch dimension that all inputs share."""
        rows = 0
        for tensor in reversed(request.inputs):
            if not tensor.shape:
                raise invalid(
                    f"input '{tensor.name}' has no shape but model requires batch dimension for '{self.model}'",
                    request.id,
                )
            if rows == 0:
                rows = tensor.shape[0]
            elif tensor.shape[0] != rows:
                raise invalid(
                    f"input '{tensor.name}' batch size does not match other inputs for '{self.model}'", request.id
                )
        if rows > self.max_batch_size:
            raise invalid(
                f"inference request batch-size must be <= {self.max_batch_size} for '{self.model}'", request.id
            )
        return rows

    def _checked(self, tensor: Tensor, request_id: str) -> Tensor:
        spec = self.inputs[tensor.name]
        if tensor.datatype is not spec.datatype:
            raise invalid(
                f"inference input '{tensor.name}' data-type is '{tensor.datatype.name}', but model '{self.model}' "
                f"expects '{spec.datatype.name}'",
                request_id,
            )
        batch, shape = self._split(tensor.shape)
        if len(shape) == len(spec.dims) and min(tensor.shape, default=0) < 0:
            raise invalid(
                f"All input dimensions should be specified for input '{tensor.name}' for model '{self.model}', got "
                f"{_written(tensor.shape)}",
                request_id,
            )
        if not _fits(shape, spec.dims):
            expected = (ANY, *spec.dims) if self.max_batch_size else spec.dims
            raise invalid(
                f"unexpected shape for input '{tensor.name}' for model '{self.model}'. Expected {_written(expected)}, "
                f"got {_written(tensor.shape)}. {BATCH_NOTE if self.max_batch_size else ''}",
                request_id,
            )
        self._check_size(tensor, prod(shape) * max((1, *batch)), request_id)
        if spec.reshape is not None:
            tensor = tensor.reshaped((*batch, *_mapped(shape, spec.dims, spec.reshape)))
        return tensor

    def _check_size(self, tensor: Tensor, count: int, request_id: str) -> None:
        if tensor.datatype is BYTES:
            self._check_strings(tensor, count, request_id)
            return
        expected, size = count * tensor.datatype.size, tensor.byte_size
        if size != expected:
            raise invalid(
                f"input byte size mismatch for input '{tensor.name}' for model '{self.model}'. Expected {expected}, "
                f"got {size}",
                request_id,
            )

    def _check_strings(self, tensor: Tensor, count: int, request_id: str) -> None:
        about = f"inference input '{tensor.name}'"
        try:
            found = tensor.string_count
        except IncompleteLength as error:
            raise invalid(
                f"incomplete string length indicator for {about} for model '{self.model}', expecting {LENGTH.size} "
                f"bytes but only {error.available} bytes available. Please make sure the string length indicator is in "
                "one buffer.",
                request_id,
            ) from error
        except IncompleteString as error:
            raise TensorError(
                f"incomplete string data for {about}, expecting string of length {error.length} but only "
                f"{error.available} bytes available",
                is_late=True,
            ) from error
        if found > count:
            raise invalid(
                f"unexpected number of string elements {found} for {about} for model '{self.model}', expecting {count}",
                request_id,
            )
        if found < count:
            raise invalid(
                f"expected {count} string elements for {about} for model '{self.model}', got {found}", request_id
            )

    def _split(self, shape: Shape) -> tuple[Shape, Shape]:
        return (shape[:1], shape[1:]) if self.max_batch_size else ((), shape)

    def _group_of(self, inputs: Sequence[Tensor]) -> object:
        start = 1 if self.max_batch_size else 0
        return frozenset(
            (tensor.name, () if self.inputs[tensor.name].ragged else tensor.shape[start:]) for tensor in inputs
        )

    def _shown(self, tensor: Tensor) -> Tensor:
        spec = self.outputs[tensor.name]
        if spec.reshape is None:
            return tensor
        batch, shape = self._split(tensor.shape)
        if not _fits(shape, spec.reshape):
            return tensor
        return tensor.reshaped((*batch, *_mapped(shape, spec.reshape, spec.dims)))


def _fits(shape: Shape, dims: Shape) -> bool:
    return len(shape) == len(dims) and all(size in (given, ANY) for given, size in zip(shape, dims, strict=True))


def _mapped(shape: Shape, dims: Shape, target: Shape) -> Shape:
    """A shape that fits `dims` as `target`: variable sizes are carried over in their order."""
    sizes = iter([given for given, size in zip(shape, dims, strict=True) if size == ANY])
    return tuple(next(sizes) if size == ANY else size for size in target)


def _written(shape: Sequence[int]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _listed(names: Sequence[str]) -> str:
    quoted = (f"'{name}'" for name in names)
    return f"[{','.join(quoted)}]" if names else ""
