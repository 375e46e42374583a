"""Triton's own clients, unmodified: four of them, shared memory, and the example's models as their users write it."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.conformance.triton import grpc_fuzz
from tests.conformance.triton.fuzz import play
from tests.conformance.triton.servers import ServerThread
from tests.support.dockerfile import ROOT
from tests.support.free_ports import free_ports
from tests.support.repositories import copy_models

http = pytest.importorskip("tritonclient.http")
grpc = pytest.importorskip("tritonclient.grpc")


class Ports(NamedTuple):
    """Of a server that runs."""

    http: str
    grpc: str


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """A server of the example, and of a model that adds."""
    pytest.importorskip("onnx")
    folder = copy_models(tmp_path_factory.mktemp("clients") / "repository", "add_sub", "repeat")
    subprocess.run([sys.executable, ROOT / "deploy" / "triton" / "build.py", folder], check=True)
    numbers = dict(zip(("http", "grpc", "metrics"), free_ports(3), strict=True))
    server = ServerThread(
        [f"--model-repository={folder}", *(f"--{name}-port={port}" for name, port in numbers.items()),
         *(f"--{name}-address=127.0.0.1" for name in numbers)]
    )  # fmt: skip
    server.wait_started()
    yield Ports(*(f"127.0.0.1:{numbers[name]}" for name in ("http", "grpc")))
    assert server.stop() == 0


def customers(module: Any) -> list[Any]:
    """Two customers, as inputs of a client's module."""
    columns = {"PLAN": np.array([["monthly"], ["yearly"]], object), "TENURE": np.float32([[3], [60]]),
               "CHARGES": np.float32([[70.5], [20]])}  # fmt: skip
    inputs = []
    for name, column in columns.items():
        tensor = module.InferInput(name, column.shape, "BYTES" if column.dtype == object else "FP32")
        tensor.set_data_from_numpy(column)
        inputs.append(tensor)
    return inputs


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_pipeline_is_asked_by_both_clients(ports: Ports, kind: str) -> None:
    module = {"http": http, "grpc": grpc}[kind]
    with module.InferenceServerClient(getattr(ports, kind)) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("churn_pipeline")
        wanted = [module.InferRequestedOutput("PROBABILITY")]
        result = client.infer("churn_pipeline", customers(module), outputs=wanted, request_id="7")
        probabilities = result.as_numpy("PROBABILITY")
        assert probabilities.shape == (2, 1)
        assert probabilities[0] > 0.5 > probabilities[1]
        features = module.InferInput("FEATURES", [1, 4], "FP32")
        features.set_data_from_numpy(np.float32([[1, 0, 3 / 72, 70.5 / 120]]))
        assert client.infer("churn_predictor", [features]).as_numpy("PROBABILITY") == pytest.approx(probabilities[:1])
        wrong = module.InferInput("FEATURES", [1, 3], "FP32")
        wrong.set_data_from_numpy(np.zeros((1, 3), np.float32))
        with pytest.raises(module.InferenceServerException, match="unexpected shape"):
            client.infer("churn_predictor", [wrong])
        statistics = client.get_inference_statistics("churn_predictor")
        assert "inference_stats" in str(statistics)


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_asynchronous_clients_ask_at_once(ports: Ports, kind: str) -> None:
    module = pytest.importorskip(f"tritonclient.{kind}.aio")

    async def ask() -> list[Any]:
        async with module.InferenceServerClient(getattr(ports, kind)) as client:
            assert await client.is_server_ready()
            plain = {"http": http, "grpc": grpc}[kind]
            asked = (client.infer("churn_pipeline", customers(plain)) for _ in range(8))
            return [result.as_numpy("PROBABILITY") for result in await asyncio.gather(*asked)]

    first, *others = asyncio.run(ask())
    assert all(np.allclose(first, other) for other in others)


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_tensors_travel_in_shared_memory(ports: Ports, kind: str) -> None:
    module, shared = {"http": http, "grpc": grpc}[kind], pytest.importorskip("tritonclient.utils.shared_memory")
    left, right = np.arange(4, dtype=np.float32)[None], np.ones((1, 4), np.float32)
    size, name = left.nbytes, f"marserve_{kind}"
    region = shared.create_shared_memory_region(name, f"/{name}", 3 * size)
    try:
        with module.InferenceServerClient(getattr(ports, kind)) as client:
            shared.set_shared_memory_region(region, [left, right])
            client.register_system_shared_memory(name, f"/{name}", 3 * size)
            inputs = [module.InferInput(each, [1, 4], "FP32") for each in ("INPUT0", "INPUT1")]
            for index, tensor in enumerate(inputs):
                tensor.set_shared_memory(name, size, offset=index * size)
            output = module.InferRequestedOutput("OUTPUT0")
            output.set_shared_memory(name, size, offset=2 * size)
            client.infer("add_sub", inputs, outputs=[output])
            found = shared.get_contents_as_numpy(region, np.float32, [1, 4], offset=2 * size)
            assert found.tolist() == (left + right).tolist()
            client.unregister_system_shared_memory(name)
    finally:
        shared.destroy_shared_memory_region(region)


def test_tensors_that_lie_are_refused(ports: Ports) -> None:
    statuses, wrong = play(ports.http, range(400))
    assert not wrong
    assert statuses.keys() <= {200, 400, 500}
    assert statuses[400] > 100


def test_tensors_that_lie_over_grpc_are_the_clients_mistake(ports: Ports) -> None:
    codes, wrong = grpc_fuzz.play(ports.grpc, range(400))
    assert not wrong
    assert codes["OK"] > 20
    assert codes["INVALID_ARGUMENT"] > 100
