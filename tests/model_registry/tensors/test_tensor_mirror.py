"""Shadow traffic of tensors: to archives that declare them and to models of repositories, over HTTP and gRPC."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.grpc.messages import CLASSES
from app.settings.triton import TritonSettings
from handler.tensors.datatypes import BY_NAME
from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import SequencePosition, TensorRequest, TensorResponse
from handler.tensors.tensor import Tensor
from model_registry.tensors.tensor_mirror import MirroredTensors
from model_registry.traffic.shadow import MAX_PENDING, ShadowMirror
from model_registry.traffic.tolerance import Tolerance
from model_registry.triton.options import RepositoryOptions
from tests.conftest import MakeArchive
from tests.support.grpc_client import grpc_serving
from tests.support.repositories import copy_models, serving_repository
from tests.support.serving import serving

INT32 = BY_NAME["INT32"]
HANDLER = "def handle(data, context):\n    return data and [{{'y': row['x'] * {}}} for row in data]\n"
CONFIG = """
tensors:
  inputs: [{name: x, datatype: INT32, shape: [-1, 1]}]
  outputs: [{name: y, datatype: INT32, shape: [-1, 1]}]
"""


def outputs(value: int) -> TensorResponse:
    return TensorResponse([Tensor("y", INT32, (1,), raw=value.to_bytes(4, "little"))])


def mirror() -> ShadowMirror:
    series = SimpleNamespace(count_shadow_answer=lambda outcome: None)
    version: Any = SimpleNamespace(version="2", metrics=SimpleNamespace(series=series), is_ready=True)
    return ShadowMirror(version, Tolerance())


def shadow(answer: Callable[[Any], object]) -> Any:
    return SimpleNamespace(version="2", submit_tensors=lambda request, on_response: answer(on_response))


def counts(mirror: ShadowMirror) -> tuple[int, int, int]:
    return mirror.agreed, mirror.differed, mirror.dropped


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (outputs(1), (1, 0, 0)),
        (outputs(2), (0, 1, 0)),
        (TensorResponse(error=TensorError("no", Code.INTERNAL)), (0, 1, 0)),
    ],
)
def test_responses_are_compared_by_their_values(answer: TensorResponse, expected: tuple[int, int, int]) -> None:
    to = mirror()
    mirrored = MirroredTensors.start(to, shadow(lambda on_response: on_response(answer, True)), TensorRequest([]))
    assert mirrored is not None
    mirrored.receive(outputs(1), True)
    assert counts(to) == expected


@pytest.mark.parametrize(("code", "expected"), [(Code.UNAVAILABLE, (0, 0, 1)), (Code.INVALID_ARG, (0, 1, 0))])
def test_a_shadow_that_is_full_is_dropped_and_one_that_refuses_differs(
    code: Code, expected: tuple[int, int, int]
) -> None:
    def refuse(on_response: Any) -> None:
        raise TensorError("no", code)

    to = mirror()
    mirrored = MirroredTensors.start(to, shadow(refuse), TensorRequest([]))
    assert mirrored is not None
    mirrored.receive(outputs(1), True)
    assert counts(to) == expected


def test_responses_of_decoupled_models_and_requests_of_sequences_are_not_mirrored() -> None:
    to, silent = mirror(), shadow(lambda on_response: None)
    assert MirroredTensors.start(to, silent, TensorRequest([], sequence=SequencePosition(1, start=True))) is None
    mirrored = MirroredTensors.start(to, silent, TensorRequest([]))
    assert mirrored is not None
    mirrored.receive(outputs(1), False)
    mirrored.receive(outputs(2), True)
    assert counts(to) == (0, 0, 1)


def test_a_shadow_that_hangs_is_given_a_bounded_number() -> None:
    to, silent = mirror(), shadow(lambda on_response: None)
    started = [MirroredTensors.start(to, silent, TensorRequest([])) for _ in range(MAX_PENDING + 3)]
    assert (started.count(None), to.dropped) == (3, 3)


def test_what_waits_for_a_shadow_is_withdrawn_with_its_rule() -> None:
    cancelled: list[bool] = []
    pending = SimpleNamespace(cancel=lambda: cancelled.append(True))
    to, silent = mirror(), shadow(lambda on_response: pending)
    mirrored = MirroredTensors.start(to, silent, TensorRequest([]))
    assert mirrored is not None
    mirrored.receive(outputs(1), True)
    to.drop_waiting()
    to.drop_waiting()
    assert (cancelled, counts(to)) == ([True], (0, 0, 1))


async def compared(client: Any, path: str, request: Any, name: str) -> dict[str, Any]:
    """The shadow's counts once a request has been compared."""
    assert (await client.http.post(path, json=request)).status_code == 200
    return await shadow_counts(client, name)


async def shadow_counts(client: Any, name: str) -> dict[str, Any]:
    """The shadow's counts, as soon as there are some."""
    async with asyncio.timeout(20):
        while True:
            shadow = (await client.http.get(f"/models/{name}/traffic")).json()["shadow"]
            if shadow["agreed"] + shadow["differed"] + shadow["dropped"]:
                return dict(shadow)


@pytest.mark.anyio
@pytest.mark.parametrize(("factor", "expected"), [(1, "agreed"), (3, "differed")])
async def test_archives_of_tensors_are_shadowed(store: Path, archive: MakeArchive, factor: int, expected: str) -> None:
    archive("m", HANDLER.format(1), version="1.0", file="1.mar", config=CONFIG)
    archive("m", HANDLER.format(factor), version="2.0", file="2.mar", config=CONFIG)
    async with serving(store, one_port=True) as client:
        for file in ("1.mar", "2.mar"):
            assert (await client.register(file)).status_code == 200
        rules = {"shadow": {"version": "2.0", "share": 1}}
        (await client.http.put("/models/m/traffic", json=rules)).raise_for_status()
        tensor = {"name": "x", "datatype": "INT32", "shape": [1, 1], "data": [7]}
        shadow = await compared(client, "/v2/models/m/infer", {"inputs": [tensor]}, "m")
        assert shadow[expected] == 1


@pytest.mark.anyio
async def test_models_of_repositories_are_shadowed(tmp_path: Path) -> None:
    async with serving_repository(copy_models(tmp_path / "repository", "versions_all")) as client:
        rules = {"shadow": {"version": "3", "share": 1}}
        (await client.http.put("/models/versions_all/traffic", json=rules)).raise_for_status()
        tensor = {"name": "IN", "shape": [1], "datatype": "INT32", "data": [1]}
        shadow = await compared(client, "/v2/models/versions_all/infer", {"inputs": [tensor]}, "versions_all")
        assert shadow["version"] == "3"
        assert shadow["dropped"] == 0


@pytest.mark.anyio
async def test_requests_over_grpc_are_shadowed_and_their_peer_is_the_address_of_a_key(
    tmp_path: Path, store: Path, archive: MakeArchive
) -> None:
    for version in ("1.0", "2.0"):
        archive("m", HANDLER.format(1), version=version, file=f"{version}.mar", config=CONFIG)
    repository = TritonSettings(RepositoryOptions([copy_models(tmp_path / "repository", "versions_all")]))
    async with grpc_serving(store, "1.0.mar", triton=repository, one_port=True) as client:
        await client.manage("RegisterModel", url="2.0.mar", initial_workers=1, synchronous=True)
        for name, old, new, tensor in (
            ("m", "1.0", "2.0", {"name": "x", "shape": [1, 1]}),
            ("versions_all", "1", "3", {"name": "IN", "shape": [1]}),
        ):
            weights = {"weights": {old: 1}, "shadow": {"version": new, "share": 1}}
            (await client.http.put(f"/models/{name}/traffic", json=weights)).raise_for_status()
            request = CLASSES["inference.ModelInferRequest"](model_name=name, raw_input_contents=[bytes([7, 0, 0, 0])])
            request.inputs.add(datatype="INT32", **tensor)
            await client.triton.ModelInfer(request, timeout=30)
            assert (await shadow_counts(client, name))["dropped"] == 0, name
            by_address = {"weights": {old: 1, new: 1}, "key": {"address": True}}
            (await client.http.put(f"/models/{name}/traffic", json=by_address)).raise_for_status()
            versions = {(await client.triton.ModelInfer(request, timeout=30)).model_version for _ in range(10)}
            assert len(versions) == 1, name
