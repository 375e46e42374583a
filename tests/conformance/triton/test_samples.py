"""A repository as guides to Triton show it: churn_predictor, image_classifier, ensemble_pipeline, both clients."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from deploy.triton.build import churn_predictor
from tests.conformance.triton.servers import ServerThread
from tests.support.free_ports import free_ports
from tests.support.tensor_models import write_python_model

http = pytest.importorskip("tritonclient.http")
grpc = pytest.importorskip("tritonclient.grpc")
onnx = pytest.importorskip("onnx")

CHURN = """
name: "churn_predictor"
platform: "onnxruntime_onnx"
max_batch_size: 64
input [ { name: "FEATURES" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "PROBABILITY" data_type: TYPE_FP32 dims: [ 1 ] } ]
dynamic_batching { preferred_batch_size: [ 8, 16, 32 ] max_queue_delay_microseconds: 100 }
instance_group [ { count: 2 kind: KIND_CPU } ]
"""
CLASSIFIER = """
name: "image_classifier"
platform: "pytorch_libtorch"
max_batch_size: 32
input [ { name: "INPUT__0" data_type: TYPE_FP32 format: FORMAT_NCHW dims: [ 3, 8, 8 ] } ]
output [ { name: "OUTPUT__0" data_type: TYPE_FP32 dims: [ 3 ] label_filename: "labels.txt" } ]
dynamic_batching { max_queue_delay_microseconds: 100 }
instance_group [ { count: 1 kind: KIND_CPU } ]
"""
PREPROCESS = """
name: "preprocess"
backend: "python"
max_batch_size: 32
input [ { name: "IMAGE" data_type: TYPE_UINT8 dims: [ 8, 8, 3 ] } ]
output [ { name: "PIXELS" data_type: TYPE_FP32 dims: [ 3, 8, 8 ] } ]
"""
PIPELINE = """
name: "ensemble_pipeline"
platform: "ensemble"
max_batch_size: 32
input [ { name: "IMAGE" data_type: TYPE_UINT8 dims: [ 8, 8, 3 ] } ]
output [ { name: "SCORES" data_type: TYPE_FP32 dims: [ 3 ] } ]
ensemble_scheduling {
  step [
    { model_name: "preprocess" model_version: -1
      input_map { key: "IMAGE" value: "IMAGE" } output_map { key: "PIXELS" value: "pixels" } },
    { model_name: "image_classifier" model_version: -1
      input_map { key: "INPUT__0" value: "pixels" } output_map { key: "OUTPUT__0" value: "SCORES" } }
  ]
}
"""
SCALE = """
class TritonPythonModel:
    def execute(self, requests):
        images = [pb_utils.get_input_tensor_by_name(request, "IMAGE").as_numpy() for request in requests]
        return [
            pb_utils.InferenceResponse(
                [pb_utils.Tensor("PIXELS", (image / 255).astype(np.float32).transpose(0, 3, 1, 2))]
            )
            for image in images
        ]
"""


class Classifier(torch.nn.Module):
    """The mean of each colour is its score."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.mean(dim=(2, 3))


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Of a server of the three, by protocol."""
    folder = tmp_path_factory.mktemp("samples") / "model_repository"
    for name, config in (("churn_predictor", CHURN), ("image_classifier", CLASSIFIER), ("ensemble_pipeline", PIPELINE)):
        (folder / name / "1").mkdir(parents=True)
        (folder / name / "config.pbtxt").write_text(config)
    onnx.save(churn_predictor(), folder / "churn_predictor/1/model.onnx")
    torch.jit.script(Classifier()).save(str(folder / "image_classifier/1/model.pt"))
    (folder / "image_classifier/labels.txt").write_text("red\ngreen\nblue\n")
    (write_python_model(folder / "preprocess", SCALE) / "config.pbtxt").write_text(PREPROCESS)
    ports = dict(zip(("http", "grpc", "metrics"), free_ports(3), strict=True))
    server = ServerThread([f"--model-repository={folder}", *(f"--{name}-port={port}" for name, port in ports.items())])
    server.wait_started()
    yield {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    assert server.stop() == 0


@pytest.fixture(params=["http", "grpc"])
def client(request: pytest.FixtureRequest, addresses: dict[str, str]) -> Iterator[tuple[Any, Any]]:
    """A client, and its module."""
    module = {"http": http, "grpc": grpc}[request.param]
    with module.InferenceServerClient(url=addresses[request.param]) as made:
        yield made, module


def ask(client: tuple[Any, Any], model: str, output: Any, **arrays: np.ndarray[Any, Any]) -> Any:
    made, module = client
    inputs = []
    for name, array in arrays.items():
        tensor = module.InferInput(name, array.shape, "UINT8" if array.dtype == np.uint8 else "FP32")
        tensor.set_data_from_numpy(array)
        inputs.append(tensor)
    return made.infer(model_name=model, inputs=inputs, outputs=[output]).as_numpy(output.name())


def test_churn_is_predicted(client: tuple[Any, Any]) -> None:
    features = np.float32([[1, 0, 0.1, 0.6], [0, 1, 0.9, 0.2]])
    loyal = ask(client, "churn_predictor", client[1].InferRequestedOutput("PROBABILITY"), FEATURES=features)
    assert loyal.shape == (2, 1)
    assert loyal[0] > 0.5 > loyal[1]


def test_images_are_classified_by_label(client: tuple[Any, Any]) -> None:
    image = np.zeros((1, 3, 8, 8), np.float32)
    image[0, 1] = 1
    wanted = client[1].InferRequestedOutput("OUTPUT__0", class_count=2)
    assert ask(client, "image_classifier", wanted, INPUT__0=image).tolist() == [
        [b"1.000000:1:green", b"0.000000:0:red"]
    ]


def test_the_pipeline_takes_bytes_of_an_image(client: tuple[Any, Any]) -> None:
    image = np.zeros((2, 8, 8, 3), np.uint8)
    image[:, :, :, 2] = 255
    scores = ask(client, "ensemble_pipeline", client[1].InferRequestedOutput("SCORES"), IMAGE=image)
    assert scores.tolist() == [[0, 0, 1], [0, 0, 1]]
    assert client[0].is_model_ready("ensemble_pipeline")
