"""The OpenAPI documents: what the routes say, and nothing that no route has."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from app.application import routes_of
from app.settings.model import Settings
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
METHODS = {
    "/": ["options"],
    "/api-description": ["get"],
    "/metrics": ["get"],
    "/ping": ["get"],
    "/predictions/{model_name}": ["post"],
    "/predictions/{model_name}/{model_version}": ["post"],
    "/v1/models/{model_name}:predict": ["post"],
    "/v2/models/{model_name}/infer": ["post"],
    "/models": ["get", "post"],
    "/models/{model_name}": ["get", "put", "delete"],
    "/models/{model_name}/{model_version}": ["get", "put", "delete"],
    "/models/{model_name}/{model_version}/set-default": ["put"],
}


def methods(described: dict[str, Any]) -> dict[str, list[str]]:
    return {path: list(operations) for path, operations in described["paths"].items()}


async def test_a_port_of_all_apis_describes_them_all(store: Path) -> None:
    async with serving(store) as client:
        described = (await client.http.get("/api-description")).json()
        assert methods(described) == METHODS
        assert (await client.http.request("OPTIONS", "/")).json() == described


async def test_options_on_a_model_describe_what_can_be_done_with_it(store: Path, archive: MakeArchive) -> None:
    archive("m", "def handle(data, context):\n    return ['served'] * len(data or [])\n")
    async with serving(store, "m.mar") as client:
        managed = methods((await client.http.request("OPTIONS", "/models/m")).json())
        assert managed == {path: each for path, each in METHODS.items() if path.startswith("/models/")}
        predicted = methods((await client.http.request("OPTIONS", "/predictions/m")).json())
        assert list(predicted) == [
            "/prediction/m", "/v1/models/{model_name}:predict", "/v2/models/{model_name}/infer"
        ]  # fmt: skip
        assert (await client.http.request("OPTIONS", "/models/none")).status_code == 404


@pytest.mark.parametrize(
    ("apis", "paths"),
    [
        (("metrics",), ["/metrics"]),
        (("inference",), [path for path in METHODS if not path.startswith("/models")]),
        (("management",), ["/", "/api-description", "/metrics", *(path for path in METHODS if path[:7] == "/models")]),
    ],
)
async def test_an_address_describes_its_own_apis_and_metrics(apis: tuple[str, ...], paths: list[str]) -> None:
    app = Starlette(routes=routes_of(Settings(), apis))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://server") as client:
        assert list(methods((await client.get("/api-description")).json())) == paths
