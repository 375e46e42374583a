"""A large tensor on its way through the server: views where there can be views, and one copy at most."""

import gc
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.grpc.triton.infer_request import parse_infer_request as parse_message
from app.grpc.triton.raw_contents import InferMessage, Request, Response, read_request, write_response
from app.open_inference.infer_request import parse_infer_request
from app.open_inference.infer_response import render_response
from app.open_inference.shared_memory import SharedMemory
from handler.tensors.requests import TensorResponse
from tests.conformance.triton.servers import ServerThread
from tests.support.free_ports import free_ports
from tests.support.tensor_models import FP32, signature, write_python_model

SIDE = 1250
SIZE = 4 * SIDE * SIDE
"""Some 6 MB."""
HEAD = b'{"inputs":[{"name":"X","datatype":"FP32","shape":[%d,%d],"parameters":{"binary_data_size":%d}}],"outputs":[{"name":"Y","parameters":{"binary_data":true}}]}'  # noqa: E501
TENSORS = signature({"X": (FP32, [SIDE, SIDE])}, {"Y": (FP32, [SIDE, SIDE])})
IDENTITY = """
class TritonPythonModel:
    def execute(self, requests):
        return [pb_utils.InferenceResponse([pb_utils.Tensor("Y", request.inputs()[0].as_numpy())])
                for request in requests]
"""
CONFIG = f"""
backend: "python"
input [ {{ name: "X" data_type: TYPE_FP32 dims: [ {SIDE}, {SIDE} ] }} ]
output [ {{ name: "Y" data_type: TYPE_FP32 dims: [ {SIDE}, {SIDE} ] }} ]
"""
CLIENT = """
import http.client, sys
port, head, size = int(sys.argv[1]), sys.argv[2].encode(), int(sys.argv[3])
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
connection.request("POST", "/v2/models/m/infer", head + bytes(size), {"Inference-Header-Content-Length": len(head)})
answer = connection.getresponse()
body = answer.read()
assert answer.status == 200 and len(body) > size, body[:300]
"""


def http_body() -> tuple[bytearray, int]:
    head = HEAD % (SIDE, SIDE, SIZE)
    return bytearray(head + np.ones(SIDE * SIDE, np.float32).tobytes()), len(head)


def test_tensors_of_http_are_views_of_the_body_both_ways() -> None:
    body, length = http_body()
    asked = parse_infer_request(body, length, TENSORS, SharedMemory(), {})
    array = TENSORS.check(asked.request).inputs[0].array
    assert np.shares_memory(array, np.frombuffer(body, np.uint8))
    response = TensorResponse([asked.request.inputs[0].renamed("Y")])
    rendered = render_response(asked, response, TENSORS, "1", SharedMemory())
    assert np.shares_memory(np.frombuffer(rendered.pieces[1], np.uint8), array)


def test_tensors_of_grpc_are_views_of_the_message_and_joined_once() -> None:
    fields = Request(model_name="m")
    fields.inputs.add(name="X", datatype="FP32", shape=[SIDE, SIDE])
    fields.raw_input_contents.append(np.ones(SIDE * SIDE, np.float32).tobytes())
    data = fields.SerializeToString()
    asked, _ = parse_message(read_request(data), "m", SharedMemory(), {})
    array = TENSORS.check(asked.request).inputs[0].array
    assert np.shares_memory(array, np.frombuffer(data, np.uint8))
    tracemalloc.start()
    try:
        write_response(InferMessage(Response(model_name="m"), [memoryview(array).cast("B")]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert SIZE <= peak < 1.1 * SIZE


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The HTTP port of a server with an identity as a Python model."""
    folder = write_python_model(tmp_path / "repository" / "m", IDENTITY)
    (folder / "config.pbtxt").write_text(CONFIG)
    ports = dict(zip(("http", "grpc", "metrics"), free_ports(3), strict=True))
    server = ServerThread(
        [f"--model-repository={tmp_path / 'repository'}", *(f"--{name}-port={port}" for name, port in ports.items())]
    )
    server.wait_started()
    yield ports["http"]
    assert server.stop() == 0


def test_a_server_holds_the_body_and_at_most_one_copy(port: int) -> None:
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        head = (HEAD % (SIDE, SIDE, SIZE)).decode()
        subprocess.run([sys.executable, "-c", CLIENT, str(port), head, str(SIZE)], check=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert SIZE <= peak - before < 2.2 * SIZE
