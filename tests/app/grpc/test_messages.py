"""The committed descriptors are those of the proto files, with TorchServe's names and numbers."""

import gc
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message_factory import GetMessageClass
from grpc_tools import protoc

from app.grpc.messages import (
    CLASSES,
    DESCRIPTORS,
    INFERENCE,
    MANAGEMENT,
    OPEN_INFERENCE,
    POOL,
    message,
    methods,
)

PROTO = DESCRIPTORS.parent
CONFIG_PROTO = PROTO.parents[2] / "model_registry" / "triton" / "config" / "proto"
NUMBERS = {
    (INFERENCE, "PredictionsRequest"): "model_name 1 model_version 2 input 3 sequence_id 4",
    (INFERENCE, "PredictionResponse"): "prediction 1 sequence_id 2 status 3",
    (INFERENCE, "TorchServeHealthResponse"): "health 1",
    (MANAGEMENT, "ManagementResponse"): "msg 1",
    (MANAGEMENT, "DescribeModelRequest"): "model_name 1 model_version 2 customized 3",
    (MANAGEMENT, "ListModelsRequest"): "limit 1 next_page_token 2",
    (MANAGEMENT, "RegisterModelRequest"): (
        "batch_size 1 handler 2 initial_workers 3 max_batch_delay 4 model_name 5 response_timeout 6 runtime 7 "
        "synchronous 8 url 9 s3_sse_kms 10 startup_timeout 11"
    ),
    (MANAGEMENT, "ScaleWorkerRequest"): (
        "model_name 1 model_version 2 max_worker 3 min_worker 4 number_gpu 5 synchronous 6 timeout 7"
    ),
    (MANAGEMENT, "SetDefaultRequest"): "model_name 1 model_version 2",
    (MANAGEMENT, "UnregisterModelRequest"): "model_name 1 model_version 2",
    (OPEN_INFERENCE, "ModelInferRequest"): (
        "model_name 1 model_version 2 id 3 parameters 4 inputs 5 outputs 6 raw_input_contents 7"
    ),
    (OPEN_INFERENCE, "ModelInferResponse"): (
        "model_name 1 model_version 2 id 3 parameters 4 outputs 5 raw_output_contents 6"
    ),
    (OPEN_INFERENCE, "InferTensorContents"): (
        "bool_contents 1 int_contents 2 int64_contents 3 uint_contents 4 uint64_contents 5 fp32_contents 6 "
        "fp64_contents 7 bytes_contents 8"
    ),
}


def test_the_descriptors_are_those_of_the_texts(tmp_path: Path) -> None:
    made = tmp_path / "made"
    files = [str(file) for file in (*PROTO.glob("*.proto"), *PROTO.glob("google/rpc/*.proto"))]
    included = str(Path(protoc.__file__).parent / "_proto")
    folders = [f"-I{each}" for each in (PROTO, CONFIG_PROTO, included)]
    assert protoc.main(["protoc", *folders, "--include_imports", f"--descriptor_set_out={made}", *files]) == 0
    texts = {file.name: file for file in FileDescriptorSet.FromString(made.read_bytes()).file}
    assert {file.name: file for file in FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file} == texts


@pytest.mark.parametrize(("kind", "numbers"), NUMBERS.items())
def test_fields_have_torchserves_names_and_numbers(kind: tuple[str, str], numbers: str) -> None:
    assert " ".join(f"{field.name} {field.number}" for field in message(*kind).DESCRIPTOR.fields) == numbers


def test_every_class_is_made_once_and_held() -> None:
    gc.collect()
    assert all(GetMessageClass(POOL.FindMessageTypeByName(name)) is made for name, made in CLASSES.items())
    assert f"{OPEN_INFERENCE}.ModelInferRequest.InferInputTensor.ParametersEntry" in CLASSES


def test_only_the_streams_of_torchserve_stream() -> None:
    shapes = {
        method.name: (method.client_streaming, method.server_streaming)
        for method in methods(f"{INFERENCE}.InferenceAPIsService")
    }
    assert shapes == {
        "Ping": (False, False),
        "Predictions": (False, False),
        "StreamPredictions": (False, True),
        "StreamPredictions2": (True, True),
    }
