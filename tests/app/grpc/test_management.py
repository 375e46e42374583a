"""TorchServe's gRPC management service, called by generated code over a real socket."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.grpc_client import ASKED, GrpcClient, failure, grpc_serving

pytestmark = pytest.mark.anyio
JAVA = "org.pytorch.serve"
MODELS = f"{JAVA}.archive.model"
BROKEN = "raise RuntimeError('cannot load')\n"


@pytest.fixture
async def client(store: Path, archive: MakeArchive) -> AsyncIterator[GrpcClient]:
    """A client of a server with the model `asked`, and with more archives in its store."""
    archive("asked", ASKED)
    archive("asked", ASKED, version="2.0", file="second.mar")
    archive("broken", BROKEN)
    async with grpc_serving(store, "asked.mar") as client:
        yield client


async def test_a_model_is_registered_described_scaled_and_unregistered(client: GrpcClient) -> None:
    registered = await client.manage(
        "RegisterModel", url="asked.mar", model_name="new name", initial_workers=1, synchronous=True,
        batch_size=3, max_batch_delay=7, response_timeout=33, startup_timeout=44,
    )  # fmt: skip
    assert registered == 'Model "new name" Version: 1.0 registered with 1 initial workers'
    (described,) = json.loads(await client.manage("DescribeModel", model_name="new name"))
    numbers = {name: described[name] for name in ("batchSize", "maxBatchDelay", "responseTimeout", "startupTimeout")}
    assert numbers == {"batchSize": 3, "maxBatchDelay": 7, "responseTimeout": 33, "startupTimeout": 44}
    scaled = await client.manage(
        "ScaleWorker", model_name="new name", model_version="1.0", min_worker=2, synchronous=True
    )
    assert scaled == "Workers scaled to 2 for model: new name, version: 1.0"
    assert await client.predict({"say": "here"}, "new name") == b"here"
    assert await client.manage("UnregisterModel", model_name="new name") == 'Model "new name" unregistered'
    assert (await failure(client.manage("DescribeModel", model_name="new name")))[0] == "NOT_FOUND"


async def test_a_description_is_the_text_that_http_answers_without_its_last_newline(client: GrpcClient) -> None:
    text = await client.manage("DescribeModel", model_name="asked")
    assert text == json.dumps(json.loads(text), indent=2)
    assert json.loads(text)[0]["modelUrl"] == "asked.mar"


async def test_a_description_can_hold_what_the_handler_says_of_the_model(client: GrpcClient) -> None:
    (described,) = json.loads(await client.manage("DescribeModel", model_name="asked", customized=True))
    assert described["customizedMetadata"] == {"described": True}


async def test_all_versions_are_described_together_and_one_becomes_the_default(client: GrpcClient) -> None:
    await client.manage("RegisterModel", url="second.mar", synchronous=True)
    both = json.loads(await client.manage("DescribeModel", model_name="asked", model_version="all", customized=True))
    assert [described["modelVersion"] for described in both] == ["1.0", "2.0"]
    message = await client.manage("SetDefault", model_name="asked", model_version="2.0")
    assert message == 'Default version successfully updated for model "asked" to "2.0"'
    (default,) = json.loads(await client.manage("DescribeModel", model_name="asked"))
    assert default["modelVersion"] == "2.0"


async def test_a_list_without_a_limit_is_a_whole_page_and_pages_follow_each_other(client: GrpcClient) -> None:
    await client.manage("RegisterModel", url="asked.mar", model_name="other")
    assert [model["modelName"] for model in json.loads(await client.manage("ListModels"))["models"]] == [
        "asked",
        "other",
    ]
    page = json.loads(await client.manage("ListModels", limit=1, next_page_token=1))
    assert page == {"nextPageToken": "2", "models": [{"modelName": "other", "modelUrl": "asked.mar"}]}


async def test_numbers_that_say_nothing_mean_the_defaults_and_work_goes_on_behind(client: GrpcClient) -> None:
    registered = await client.manage(
        "RegisterModel", url="asked.mar", model_name="other", batch_size=-3, initial_workers=-2
    )
    assert registered == "Processing worker updates..."
    (described,) = json.loads(await client.manage("DescribeModel", model_name="other"))
    assert (described["batchSize"], described["minWorkers"]) == (1, 1)
    assert await client.manage("ScaleWorker", model_name="other", min_worker=-1) == "Processing worker updates..."


@pytest.mark.parametrize(
    ("method", "fields", "code", "details"),
    [
        ("DescribeModel", {"model_name": "no"}, "NOT_FOUND", f"Model not found: no\n{MODELS}.ModelNotFoundException"),
        ("DescribeModel", {}, "NOT_FOUND", f"Model not found: \n{MODELS}.ModelNotFoundException"),
        (
            "DescribeModel",
            {"model_name": "asked", "model_version": "7"},
            "NOT_FOUND",
            f"Model version: 7 does not exist for model: asked\n{MODELS}.ModelVersionNotFoundException",
        ),
        (
            "RegisterModel",
            {},
            "INVALID_ARGUMENT",
            f"Parameter url is required.\n{JAVA}.http.BadRequestException",
        ),
        (
            "RegisterModel",
            {"url": "no.mar"},
            "NOT_FOUND",
            f"Model not found at: no.mar\n{MODELS}.ModelNotFoundException",
        ),
        (
            "RegisterModel",
            {"url": "asked.mar", "model_name": "m", "runtime": "no"},
            "INVALID_ARGUMENT",
            f"Invalid RuntimeType value: no\n{JAVA}.http.BadRequestException",
        ),
        (
            "RegisterModel",
            {"url": "asked.mar"},
            "ABORTED",
            f"Model version 1.0 is already registered for model asked\n{JAVA}.http.ConflictStatusException",
        ),
        (
            "RegisterModel",
            {"url": "broken.mar", "initial_workers": 1, "synchronous": True},
            "INTERNAL",
            f"Failed to start workers for model broken version: 1.0\n{JAVA}.http.InternalServerException",
        ),
        (
            "ScaleWorker",
            {"model_name": "asked", "min_worker": 3, "max_worker": 1},
            "INVALID_ARGUMENT",
            f"max_worker cannot be less than min_worker.\n{JAVA}.http.BadRequestException",
        ),
        (
            "SetDefault",
            {"model_name": "asked", "model_version": "9"},
            "NOT_FOUND",
            f"Model version 9 does not exist for model asked\n{MODELS}.ModelVersionNotFoundException",
        ),
        ("UnregisterModel", {"model_name": "no"}, "NOT_FOUND", f"Model not found: no\n{MODELS}.ModelNotFoundException"),
        ("UnregisterModel", {}, "INVALID_ARGUMENT", f"Parameter url is required.\n{JAVA}.http.BadRequestException"),
    ],
)
async def test_failures_have_torchserves_codes_and_texts(
    client: GrpcClient, method: str, fields: dict[str, object], code: str, details: str
) -> None:
    assert await failure(client.manage(method, **fields)) == (code, details)


async def test_without_workers_a_model_says_nothing_of_itself(client: GrpcClient) -> None:
    version = client.application.registry.resolve("asked")
    await client.application.registry.scale(version, 0, 0, wait=True)
    code, details = await failure(client.manage("DescribeModel", model_name="asked", customized=True))
    assert (code, "has no worker to serve describe request" in details) == ("INTERNAL", True)


async def test_models_are_neither_registered_nor_unregistered_where_that_is_disabled(
    store: Path, archive: MakeArchive
) -> None:
    archive("asked", ASKED)
    disabled = ("PERMISSION_DENIED", f"Model API disabled\n{MODELS}.ModelException")
    async with grpc_serving(store, "asked.mar", enable_model_api="false") as client:
        assert await failure(client.manage("RegisterModel", url="asked.mar", model_name="other")) == disabled
        assert await failure(client.manage("UnregisterModel", model_name="asked")) == disabled
        assert await client.manage("ScaleWorker", model_name="asked", synchronous=True)
