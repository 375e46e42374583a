"""The gRPC services of each API."""

from pathlib import Path

import pytest

from app.grpc.services import services
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("api", "names"),
    [
        ("management", {"org.pytorch.serve.grpc.management.ManagementAPIsService"}),
        ("inference", {
            "org.pytorch.serve.grpc.inference.InferenceAPIsService",
            "org.pytorch.serve.grpc.openinference.GRPCInferenceService",
            "inference.GRPCInferenceService",
        }),
    ],
)  # fmt: skip
async def test_an_api_has_its_services(store: Path, api: str, names: set[str]) -> None:
    async with serving(store) as client:
        found = services(api, client.application)
        assert set(found) == names
        assert {handler.service_name() for handler in found.values()} == names
