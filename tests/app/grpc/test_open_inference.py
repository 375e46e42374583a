"""The Open Inference Protocol over gRPC, under TorchServe's name and under KServe's."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.grpc.messages import CLASSES, OPEN_INFERENCE, TRITON
from tests.conftest import MakeArchive
from tests.support.grpc_client import GrpcClient, failure, grpc_serving, stubs

pytestmark = pytest.mark.anyio
MIRROR = """
    import json
    class Mirror:
        def initialize(self, context):
            pass
        def handle(self, data, context):
            return [self.answer(row["body"]) for row in data]
        def answer(self, body):
            name = body["inputs"][0]["name"] if body["inputs"] else ""
            if name == "broken":
                raise ValueError
            if name == "other":
                return "no tensors"
            seen = {"name": "seen", "datatype": "BYTES", "shape": [1], "data": [json.dumps(body)]}
            outputs = [{**tensor, "data": tensor.get("data", [])} for tensor in body["inputs"]]
            return {"id": body["id"], "model_name": "mirror", "model_version": "1.0", "outputs": [seen, *outputs]}
"""
"""Answers the tensors that it was given, after the body that it saw."""


@pytest.fixture
async def client(store: Path, archive: MakeArchive) -> AsyncIterator[GrpcClient]:
    """A client of a server with the model `mirror`, which is ready."""
    archive("mirror", MIRROR)
    async with grpc_serving(store, "mirror.mar") as client:
        while not client.application.registry.is_ready:
            await asyncio.sleep(0.005)
        yield client


def message(name: str, /, **fields: Any) -> Any:
    return getattr(stubs("open_inference_grpc")[0], name)(**fields)


def tensor(datatype: str, contents: str = "", values: Sequence[Any] = (), name: str = "in") -> Any:
    made = message("ModelInferRequest").inputs.add(name=name, datatype=datatype, shape=[len(values) or 2])
    if contents:
        getattr(made.contents, contents).extend(values)
    return made


async def infer(client: GrpcClient, *tensors: Any, raw: Sequence[bytes] = (), **fields: Any) -> Any:
    named = {"model_name": "mirror", "id": "7", **fields}
    return await client.open_inference.ModelInfer(
        message("ModelInferRequest", inputs=tensors, raw_input_contents=raw, **named), timeout=30
    )


def seen(response: Any) -> Any:
    """The body that the handler saw; TorchServe puts texts in quotes."""
    return json.loads(json.loads(response.outputs[0].contents.bytes_contents[0]))


@pytest.mark.parametrize("package", [OPEN_INFERENCE, TRITON])
async def test_both_names_of_the_service_know_the_server_and_its_models(client: GrpcClient, package: str) -> None:
    stub = client.triton if package == TRITON else client.open_inference

    def message(name: str, /, **fields: Any) -> Any:
        return CLASSES[f"{package}.{name}"](**fields)

    assert (await stub.ServerLive(message("ServerLiveRequest"))).live
    server = await stub.ServerMetadata(message("ServerMetadataRequest"))
    assert (server.name, server.version, list(server.extensions)) == ("Torchserve", "0.12.0", ["kserve", "kubeflow"])
    assert (await stub.ModelReady(message("ModelReadyRequest", name="mirror"))).ready
    model = await stub.ModelMetadata(message("ModelMetadataRequest", name="mirror", version="1.0"))
    assert (model.name, list(model.versions), model.platform) == ("mirror", ["1.0"], "")


async def test_archives_answer_under_kserves_name_too(client: GrpcClient) -> None:
    request = CLASSES["inference.ModelInferRequest"](
        model_name="mirror", id="8", raw_input_contents=[b"\0\0\x80?" * 5000]
    )
    request.inputs.add(name="in", datatype="FP32", shape=[5000])
    response = await client.triton.ModelInfer(request, timeout=30)
    assert (response.id, response.outputs[1].contents.fp32_contents[:2]) == ("8", [1.0, 1.0])
    responses = [each async for each in client.triton.ModelStreamInfer(iter([request, request]), timeout=30)]
    assert [each.infer_response.id for each in responses] == ["8", "8"]
    assert responses[0].infer_response.parameters["triton_final_response"].bool_param


async def test_the_server_is_ready_unless_a_model_that_it_was_to_start_with_is_missing(
    client: GrpcClient, store: Path
) -> None:
    assert (await client.open_inference.ServerReady(message("ServerReadyRequest"))).ready
    async with grpc_serving(store, "missing.mar") as other:
        assert not (await other.open_inference.ServerReady(message("ServerReadyRequest"))).ready


@pytest.mark.parametrize("method", ["ModelReady", "ModelMetadata"])
async def test_a_model_that_is_not_there_is_not_found(client: GrpcClient, method: str) -> None:
    call = getattr(client.open_inference, method)
    code, details = await failure(call(message(f"{method}Request", name="no")))
    assert (code, details.splitlines()[0]) == ("NOT_FOUND", "Model not found: no")
    assert (await failure(call(message(f"{method}Request"))))[0] == "INVALID_ARGUMENT"


async def test_a_handler_gets_the_body_that_the_same_request_has_over_http(client: GrpcClient) -> None:
    response = await infer(client, tensor("FP32", "fp32_contents", [0.1, 2]))
    assert seen(response) == {
        "id": "7",
        "model_name": "mirror",
        "inputs": [{"name": "in", "shape": [2], "datatype": "FP32", "data": [0.1, 2.0]}],
    }
    assert (response.id, response.model_name, response.model_version) == ("7", "mirror", "1.0")


@pytest.mark.parametrize(
    ("datatype", "contents", "values"),
    [
        ("BOOL", "bool_contents", [True, False]),
        ("INT8", "int_contents", [1, -128]),
        ("INT16", "int_contents", [1, -2]),
        ("INT32", "int_contents", [1, -(2**31)]),
        ("INT64", "int64_contents", [1, -(2**60)]),
        ("UINT8", "uint_contents", [1, 255]),
        ("UINT16", "uint_contents", [1, 2]),
        ("UINT32", "uint_contents", [1, 2**32 - 1]),
        ("UINT64", "uint64_contents", [1, 2**64 - 1]),
        ("FP32", "fp32_contents", [0.5, 1e10]),
        ("FP64", "fp64_contents", [0.1, 1e300]),
    ],
)
async def test_numbers_go_to_the_handler_and_come_back(
    client: GrpcClient, datatype: str, contents: str, values: list[Any]
) -> None:
    response = await infer(client, tensor(datatype, contents, values))
    assert seen(response)["inputs"][0]["data"] == values
    assert list(getattr(response.outputs[1].contents, contents)) == values
    assert (response.outputs[1].datatype, list(response.outputs[1].shape)) == (datatype, [2])


async def test_bytes_are_base64_for_the_handler_and_come_back_as_their_json_text(client: GrpcClient) -> None:
    response = await infer(client, tensor("BYTES", "bytes_contents", [b"a\xff", b"b"]))
    assert seen(response)["inputs"][0]["data"] == ["Yf8=", "Yg=="]
    assert list(response.outputs[1].contents.bytes_contents) == [b'"Yf8="', b'"Yg=="']


@pytest.mark.parametrize(
    ("datatype", "raw", "values"),
    [
        ("BOOL", b"\1\0", [True, False]),
        ("INT16", struct.pack("<2h", 1, -2), [1, -2]),
        ("UINT64", struct.pack("<2Q", 1, 2**63), [1, 2**63]),
        ("FP16", struct.pack("<2e", 0.5, -2), [0.5, -2.0]),
        ("FP32", struct.pack("<2f", 0.1, 2), [0.1, 2.0]),
        ("BYTES", b"\2\0\0\0ab\0\0\0\0", ["YWI=", ""]),
    ],
)
async def test_raw_contents_are_values_too(client: GrpcClient, datatype: str, raw: bytes, values: list[Any]) -> None:
    assert seen(await infer(client, tensor(datatype), raw=[raw]))["inputs"][0]["data"] == values


async def test_a_tensor_of_an_unknown_type_comes_without_data_and_no_tensor_is_no_input(client: GrpcClient) -> None:
    assert "data" not in seen(await infer(client, tensor("BF16")))["inputs"][0]
    assert seen(await infer(client))["inputs"] == []


@pytest.mark.parametrize(
    ("given", "raw", "confirmed"),
    [
        (tensor("FP32", "fp32_contents", [float("nan"), 1]), [], "NaN or an infinity"),
        (tensor("FP32"), [b"\0"], "are no FP32 values"),
        (tensor("BF16"), [b"\0\0"], "are no BF16 values"),
        (tensor("FP32"), [b"\0\0\0\0"] * 2, "1 inputs, but 2 raw contents"),
    ],
)
async def test_values_that_have_no_json_are_refused(
    client: GrpcClient, given: Any, raw: list[bytes], confirmed: str
) -> None:
    code, details = await failure(infer(client, given, raw=raw))
    assert (code, confirmed in details, details.endswith("\nBadRequestException.()")) == ("INTERNAL", True, True)


async def test_failures_of_handlers_and_answers_that_are_no_tensors_are_told(client: GrpcClient) -> None:
    broken = tensor("FP32", "fp32_contents", [1], name="broken")
    assert (await failure(infer(client, broken)))[1].startswith("Prediction failed\n")
    code, details = await failure(infer(client, tensor("FP32", "fp32_contents", [1], name="other")))
    assert (code, details.startswith("The model's answer is none of the Open Inference Protocol")) == (
        "UNAVAILABLE",
        True,
    )
    assert (await failure(infer(client, model_name="no")))[0] == "INTERNAL"
