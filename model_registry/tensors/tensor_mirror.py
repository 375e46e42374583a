"""Shadow traffic of tensors: an answered request is given to the shadow as well, and the tensors are compared."""

from mmap import mmap
from time import monotonic
from uuid import uuid4

import orjson

from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import NO_SEQUENCE, TensorRequest, TensorResponse
from handler.tensors.tensor import Tensor
from model_registry.tensors.served_tensors import ServedTensors
from model_registry.tensors.tensor_reply import PendingResponses
from model_registry.traffic.comparison import MAX_JSON_BYTES, Response
from model_registry.traffic.shadow import ShadowMirror

OK, FAILED = 200, 500
BYTES_PER_NUMBER = 8
"""Bytes of JSON that a number takes about: larger tensors are compared by their bytes."""


class MirroredTensors:
    """One request to a model that is mirrored; `receive` is called with each of its responses.

    Requests of sequences, decoupled models, and inputs in shared memory, which their client may write to again, are not
    mirrored.
    """

    def __init__(self, mirror: ShadowMirror, shadow: ServedTensors, request: TensorRequest) -> None:
        self._mirror = mirror
        self._shadow = shadow
        self._request = request
        self._started = monotonic()
        self._is_whole = True
        self._pending: PendingResponses | None = None

    def __repr__(self) -> str:
        return f"<MirroredTensors to {self._shadow.version}>"

    @classmethod
    def start(cls, mirror: ShadowMirror, shadow: ServedTensors, request: TensorRequest) -> "MirroredTensors | None":
        """The request, if it can be mirrored and the shadow may have another one."""
        can_be = request.sequence == NO_SEQUENCE and not any(map(_is_shared, request.inputs))
        return cls(mirror, shadow, request) if can_be and mirror.reserve() else None

    def receive(self, response: TensorResponse, is_final: bool) -> None:
        """Give the request to the shadow, once its only response is there."""
        self._is_whole &= is_final
        if not is_final:
            return
        if not self._is_whole or response.is_empty:
            self._mirror.drop()
            return
        self._mirror.observe_old(monotonic() - self._started)
        self._submit(_response(response))

    def detach(self) -> None:
        """Withdraw the request from the shadow."""
        if self._pending is not None:
            self._pending.cancel()

    def _submit(self, old: Response) -> None:
        submitted = monotonic()

        def receive(answer: TensorResponse, is_final: bool) -> None:
            if is_final:
                self._mirror.end_waiting(self)
                self._mirror.finish(str(uuid4()), old, _response(answer), monotonic() - submitted)

        self._mirror.wait_for(self)
        try:
            self._pending = self._shadow.submit_tensors(self._request, receive)
        except TensorError as error:
            if error.code is Code.UNAVAILABLE:
                self._mirror.end_waiting(self)
                self._mirror.drop()
            else:
                receive(TensorResponse(error=error), is_final=True)


def _is_shared(tensor: Tensor) -> bool:
    return isinstance(memoryview(tensor.raw).obj, mmap)


def _response(response: TensorResponse) -> Response:
    """The outputs as JSON where they are small, else as bytes."""
    if response.error is not None:
        return Response(FAILED, str(response.error.code).encode())
    outputs = response.outputs
    if sum(output.byte_size for output in outputs) * BYTES_PER_NUMBER > MAX_JSON_BYTES:
        return Response(OK, b"".join(bytes(output.raw) for output in outputs))
    values = {output.name: output.array.tolist() for output in outputs}
    return Response(OK, orjson.dumps(values, default=lambda text: text.decode("utf-8", "replace")))
