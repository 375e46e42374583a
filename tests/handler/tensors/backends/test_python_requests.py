"""Requests and responses between the server and Python models."""

from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
import triton_python_backend_utils as pb_utils

from handler.job import Job
from handler.tensors.backends.python_requests import (
    RequestOrigin,
    of_request,
    of_response,
    of_tensor,
    to_request,
    to_response,
)  # fmt: skip
from handler.tensors.datatypes import BYTES
from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import FINAL, SequencePosition, TensorRequest, TensorResponse
from handler.tensors.tensor import Tensor
from tests.support.tensor_models import INT32

X = Tensor("X", INT32, (2,), raw=np.array([1, 2], np.int32).tobytes())


def origin(*, is_single: bool = False) -> tuple[RequestOrigin, SimpleQueue[Any]]:
    delivered = SimpleQueue[Any]()
    job: Any = Job(None, "j")  # type: ignore[arg-type]
    return RequestOrigin(job, lambda pairs: delivered.put(pairs[0][1]), is_single=is_single), delivered


def test_a_model_sees_all_of_a_request() -> None:
    sent = TensorRequest([X], ["Y"], "id", parameters={"a": 1}, sequence=SequencePosition(7, True, True), timeout=9)
    request = to_request(sent, origin()[0])
    assert request.request_id() == "id"
    assert request.parameters() == '{"a": 1}'
    assert (request.correlation_id(), request.flags(), request.timeout()) == (7, 3, 9)
    assert request.requested_output_names() == ["Y"]
    assert not request.is_cancelled()
    assert of_request(request)._replace(inputs=[]) == sent._replace(inputs=[])


def test_a_model_may_write_to_what_it_is_given_but_not_to_what_others_read() -> None:
    tensor = to_request(TensorRequest([X]), origin()[0]).inputs()[0]
    tensor.as_numpy()[0] = 9
    assert X.array.tolist() == [1, 2]


def test_an_error_keeps_its_code() -> None:
    response = to_response(pb_utils.InferenceResponse(error=pb_utils.TritonError("no", pb_utils.TritonError.NOT_FOUND)))
    assert response.error is not None
    assert (response.error.message, response.error.code, response.error.is_late) == ("no", Code.NOT_FOUND, True)
    back = of_response(TensorResponse(error=TensorError("no", Code.CANCELLED)))
    assert back.error().code() == pb_utils.TritonError.CANCELLED


def test_responses_carry_tensors_and_parameters() -> None:
    response = to_response(pb_utils.InferenceResponse([pb_utils.Tensor("Y", np.ones(1))], parameters={"k": "v"}))
    assert response.outputs[0].datatype.name == "FP64"
    assert response.parameters == {"k": "v"}
    assert of_response(response).output_tensors()[0].as_numpy().tolist() == [1]
    assert of_response(FINAL) is None


@pytest.mark.parametrize("array", [np.array(["a", "ü"]), np.array([b"a", "ü"], object), np.array([b"a", "ü".encode()])])
def test_strings_of_any_kind_are_bytes(array: np.ndarray) -> None:
    tensor = of_tensor(pb_utils.Tensor("S", array))
    assert tensor.datatype is BYTES
    assert bytes(tensor.raw) == b"\x01\0\0\0a\x02\0\0\0\xc3\xbc"


def test_a_sender_sends_until_the_last_response() -> None:
    sender, delivered = origin()
    sender.send(pb_utils.InferenceResponse([]), False)
    sender.send(None, True)
    assert delivered.get().output == TensorResponse([])
    assert delivered.get() is FINAL
    with pytest.raises(RuntimeError, match="Response sender has been closed"):
        sender.send(None, True)


def test_a_single_response_is_one() -> None:
    sender, _ = origin(is_single=True)
    sender.send(pb_utils.InferenceResponse([]), False)
    with pytest.raises(RuntimeError, match="More than one response"):
        sender.send(pb_utils.InferenceResponse([]), True)
