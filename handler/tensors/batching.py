"""Joins the requests of one batch into one tensor for each input, and parts the outputs again."""

from collections.abc import Mapping, Sequence

import numpy as np

from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.signature import Signature
from handler.tensors.tensor import Array, Tensor

Arrays = Mapping[str, Array]


class BatchArrays:
    """The arrays of one instance of a model. Requests are copied once, into buffers that are kept; outputs are views.

    A batch of one request is not copied at all. All requests of a batch have inputs of the same names and row shapes.
    """

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._buffers: dict[str, Array] = {}

    def __repr__(self) -> str:
        return f"<BatchArrays, buffers for {', '.join(self._buffers) or 'nothing'}>"

    def join(self, requests: Sequence[TensorRequest]) -> dict[str, Array]:
        """One array for each input."""
        first = requests[0]
        if len(requests) == 1:
            return {tensor.name: tensor.array for tensor in first.inputs}
        columns = [{tensor.name: tensor.array for tensor in request.inputs} for request in requests]
        return {name: self._joined(name, [column[name] for column in columns]) for name in columns[0]}

    def outputs_of(self, requests: Sequence[TensorRequest]) -> list[str]:
        """The outputs that any of the requests wants, in the model's order."""
        return [name for name in self._signature.outputs if any(name in request.outputs for request in requests)]

    def part(self, requests: Sequence[TensorRequest], arrays: Arrays) -> list[TensorResponse]:
        """The response to each request; raises TensorError for an output that has not a row for each of theirs."""
        outputs = [(name, self._signature.outputs[name].datatype, array) for name, array in arrays.items()]
        if len(requests) == 1:
            return [TensorResponse([Tensor.of_array(*output) for output in outputs])]
        rows = sum(request.rows for request in requests)
        for name, array in arrays.items():
            if array.shape[:1] != (rows,):
                raise TensorError(
                    f"model '{self._signature.model}' gave output '{name}' the shape {list(array.shape)} for a batch "
                    f"of {rows}: its first dimension has to be that of the batch",
                    Code.INTERNAL,
                    is_late=True,
                )
        ends = np.cumsum([request.rows for request in requests]).tolist()
        spans = [slice(end - request.rows, end) for request, end in zip(requests, ends, strict=True)]
        return [
            TensorResponse([Tensor.of_array(name, datatype, array[span]) for name, datatype, array in outputs])
            for span in spans
        ]

    def _joined(self, name: str, arrays: Sequence[Array]) -> Array:
        rows, row, dtype = sum(map(len, arrays)), arrays[0].shape[1:], arrays[0].dtype
        if dtype.hasobject:
            return np.concatenate(arrays)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape[1:] != row or len(buffer) < rows:
            buffer = self._buffers[name] = np.empty((max(rows, self._signature.max_batch_size), *row), dtype)
        return np.concatenate(arrays, out=buffer[:rows])
