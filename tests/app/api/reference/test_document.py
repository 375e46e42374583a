"""The OpenAPI 3.1 document: valid, of every route, and kept to by the answers."""

from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from app.api.reference.document import reference_document
from app.api.routing import ApiRoute
from app.application import APIS, routes_of
from app.settings.model import Settings
from tests.conftest import MakeArchive
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio
HANDLER = "def handle(data, context):\n    return ['served'] * len(data or [])\n"


def document() -> dict[str, Any]:
    return reference_document(routes_of(Settings(one_port=True), APIS), lambda path: path.startswith("/models"))


def answer_problems(described: dict[str, Any], method: str, path: str, status: int, answer: Any) -> list[str]:
    """The places where an answer breaks its schema."""
    content = described["paths"][path][method]["responses"][str(status)]["content"]
    schema = {**content["application/json"]["schema"], "components": described["components"]}
    return [str(error) for error in OAS31Validator(schema).iter_errors(answer)]


def test_it_is_valid_and_has_every_route() -> None:
    described = document()
    validate(described)
    documented = {(path, method.upper()) for path, methods in described["paths"].items() for method in methods}
    for route in routes_of(Settings(one_port=True), APIS):
        if isinstance(route, ApiRoute) and not route.contract.is_alias and "{remaining" not in route.path:
            path = route.path.replace(":path}", "}")
            assert any(path == each for each, _ in documented), path
            assert route.methods is None or {(path, method) for method in route.methods} <= documented
    names = [operation["operationId"] for methods in described["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))


def test_each_operation_says_what_it_does_and_whether_it_needs_a_token() -> None:
    paths = document()["paths"]
    assert all(operation["summary"] for methods in paths.values() for operation in methods.values())
    assert paths["/models"]["get"]["security"] == [{"token": []}]
    assert "security" not in paths["/ping"]["get"]


async def test_answers_keep_to_their_schemas(store: Path, archive: MakeArchive) -> None:
    archive("m", HANDLER)
    archive("m", HANDLER, version="2.0", file="next.mar")
    async with serving(store, "m.mar", "next.mar", one_port=True) as client:
        described = (await client.http.get("/openapi.json")).json()
        assert described["openapi"] == "3.1.0"
        for method, path, body in (
            ("get", "/", None), ("get", "/ping", None), ("get", "/models", None), ("get", "/models/{model_name}", None),
            ("put", "/models/{model_name}/traffic", {"weights": {"1.0": 1, "2.0": 1}, "shadow": {"version": "2.0"}}),
            ("get", "/models/{model_name}/traffic", None), ("delete", "/models/{model_name}/traffic", None),
            ("put", "/models/{model_name}/rollout", {"to": "2.0"}), ("get", "/models/{model_name}/rollout", None),
            ("put", "/models/{model_name}/rollout/{action}", None), ("delete", "/models/{model_name}/rollout", None),
            ("put", "/models/{model_name}/{model_version}/drift", {"collect": True}),
            ("get", "/models/{model_name}/{model_version}/drift", None), ("get", "/workflows", None),
            ("get", "/v1/models/{name}", None), ("put", "/models/{model_name}", None),
        ):  # fmt: skip
            await check_answer(client, described, method, path, body)


async def check_answer(client: Client, described: dict[str, Any], method: str, path: str, body: Any) -> None:
    """Call an operation, and compare its answer with its schema."""
    filled = path.format(model_name="m", name="m", model_version="1.0", action="pause")
    answer = await client.http.request(method.upper(), filled, json=body)
    assert answer.status_code < 300, (path, answer.text)
    assert answer_problems(described, method, path, answer.status_code, answer.json()) == [], path
