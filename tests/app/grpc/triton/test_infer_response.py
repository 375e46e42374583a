import numpy as np

from app.grpc.triton.infer_request import parse_infer_request
from app.grpc.triton.infer_response import response_message
from app.grpc.triton.raw_contents import InferMessage, Request
from app.open_inference.shared_memory import SharedMemory
from handler.tensors.requests import TensorResponse
from handler.tensors.tensor import Tensor
from tests.support.tensor_models import FP32, signature


def test_outputs_are_raw_or_their_classes() -> None:
    tensors = signature({}, {"A": (FP32, [2]), "B": (FP32, [2])}, 4)
    fields = Request(model_name="m", id="7")
    fields.outputs.add(name="B").parameters["classification"].int64_param = 1
    asked, _ = parse_infer_request(InferMessage(fields), "m", SharedMemory(), {})
    array = np.float32([[1, 3]])
    response = TensorResponse([Tensor.of_array(name, FP32, array) for name in "AB"], {"p": True})
    made = response_message(asked, response, tensors, "3", SharedMemory())
    assert (made.fields.id, made.fields.model_version, made.fields.parameters["p"].bool_param) == ("7", "3", True)
    assert [(output.name, output.datatype, list(output.shape)) for output in made.fields.outputs] == [
        ("A", "FP32", [1, 2]), ("B", "BYTES", [1, 1]),
    ]  # fmt: skip
    assert bytes(made.raw[0]) == array.tobytes()
    assert bytes(made.raw[1])[4:] == b"3.000000:1"
