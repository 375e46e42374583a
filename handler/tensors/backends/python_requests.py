"""Requests and responses between the server and Python models."""

from threading import Lock
from typing import Any

import triton_python_backend_utils as pb_utils

from handler.job import Deliver, Job, StreamChunk
from handler.tensors.datatypes import BF16, BYTES, datatype_of
from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import FINAL, SequencePosition, TensorRequest, TensorResponse
from handler.tensors.strings import as_bytes
from handler.tensors.tensor import Tensor

CODES = dict(enumerate(Code))
"""Triton's codes by the numbers that models give them."""


class RequestOrigin:
    """The server's side of a request that a model was given: where its responses go, and whether they are wanted.

    `is_single` says that there is to be exactly one response.
    """

    __slots__ = ("_deliver", "_lock", "_sent", "is_open", "is_single", "is_used", "job")

    def __init__(self, job: Job, deliver: Deliver, *, is_single: bool) -> None:
        self.job = job
        self.is_single = is_single
        self.is_open = True
        """Whether responses may still be sent."""
        self.is_used = False
        """Whether the model has sent something, or said that it will."""
        self._deliver = deliver
        self._lock = Lock()
        self._sent = 0

    def __repr__(self) -> str:
        return f"<RequestOrigin {self.job!r}{'' if self.is_open else ', answered'}>"

    def is_cancelled(self) -> bool:
        """Whether the client has disconnected."""
        return self.job.cancelled

    def send(self, response: Any, is_final: bool) -> None:
        """Deliver a response, on whatever thread; raises RuntimeError for one too many."""
        with self._lock:
            if not self.is_open:
                raise RuntimeError("Unable to send response. Response sender has been closed.")
            if self.is_single and response is not None and self._sent:
                raise RuntimeError(
                    "Unable to send response. More than one response is sent, but the model is not decoupled."
                )
            self._sent += response is not None
            self.is_used = True
            self.is_open = not is_final
            made = None if response is None else to_response(response)
            self._deliver([(self.job, self._outcome(made, is_final))])

    def _outcome(self, made: Any, is_final: bool) -> Any:
        if not is_final:
            return StreamChunk(made)
        return FINAL if made is None else made


def to_request(request: Any, origin: RequestOrigin) -> Any:
    """The request as the model gets it."""
    sequence = request.sequence
    return pb_utils.InferenceRequest(
        requested_output_names=request.outputs,
        inputs=[_to_tensor(tensor) for tensor in request.inputs],
        request_id=request.id,
        correlation_id=sequence.id,
        flags=sequence.start | sequence.end << 1,
        timeout=request.timeout,
        parameters=request.parameters,
        _origin=origin,
    )


def to_response(response: Any) -> TensorResponse:
    """The response as the server sends it on."""
    if response.has_error():
        return TensorResponse(error=to_error(response.error()))
    return TensorResponse([of_tensor(tensor) for tensor in response.output_tensors()], response.given_parameters)


def to_error(error: Any) -> TensorError:
    """The error of a response."""
    return TensorError(error.message(), CODES.get(error.code(), Code.INTERNAL), is_late=True)


def of_request(request: Any) -> TensorRequest:
    """A request that a model makes of another."""
    flags = request.flags()
    return TensorRequest(
        [of_tensor(tensor) for tensor in request.inputs()],
        request.requested_output_names(),
        request.request_id(),
        parameters=request.given_parameters,
        sequence=SequencePosition(request.correlation_id(), bool(flags & 1), bool(flags & 2)),
        timeout=request.timeout(),
    )


def of_response(response: TensorResponse) -> Any:
    """A response as the model gets it that has asked for it."""
    if response.error is not None:
        number = next(number for number, code in CODES.items() if code is response.error.code)
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(response.error.message, number))
    if response.is_empty:
        return None
    return pb_utils.InferenceResponse([_to_tensor(tensor) for tensor in response.outputs])


def of_tensor(tensor: Any) -> Tensor:
    """A tensor that a model has made."""
    array = tensor.array
    if tensor.triton_dtype() == pb_utils.types.BF16:
        return Tensor.of_array(tensor.name(), BF16, array)
    datatype = datatype_of(array.dtype)
    assert datatype is not None
    if datatype is BYTES:
        array = as_bytes(array)
    return Tensor.of_array(tensor.name(), datatype, array)


def _to_tensor(tensor: Tensor) -> Any:
    return pb_utils.Tensor(tensor.name, tensor.array, _is_bf16=tensor.datatype is BF16)
