"""The responses to what a route raises."""

from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.application import create_apps
from app.exception_handlers import on_error, on_http_exception
from model_registry.errors import ModelNotFound
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio


def request(client: Client) -> Request:
    (app,) = create_apps(client.application).values()
    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "app": app
    }  # fmt: skip
    return Request(scope)


async def test_a_defect_is_answered_with_all_headers(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(store, cors_allowed_origin="*", log_location=store / "logs") as client:

        def fails(*arguments: object) -> None:
            raise ZeroDivisionError("secret")

        monkeypatch.setattr(type(client.application.registry), "page", fails)
        answer = await client.http.get("/models")
        assert (answer.status_code, answer.json()["type"]) == (500, "InternalServerException")
        assert "secret" not in answer.text
        assert answer.headers["access-control-allow-origin"] == "*"
        assert len(answer.headers["x-request-id"]) == 36
        client.application.logs.access.flush()
        assert '"GET /models HTTP/1.1" 500' in (store / "logs" / "access_log.log").read_text()


async def test_an_error_of_the_domain_is_in_the_table(store: Path) -> None:
    async with serving(store) as client:
        response = await on_error(request(client), ModelNotFound("m"))
        assert (response.status_code, b"ModelNotFoundException" in bytes(response.body)) == (404, True)


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "ResourceNotFoundException"), (405, "MethodNotAllowedException"), (418, "HTTPException")]
)
async def test_starlettes_errors_have_torchserves_form(store: Path, status: int, kind: str) -> None:
    async with serving(store) as client:
        response = await on_http_exception(request(client), HTTPException(status))
        assert (response.status_code, kind.encode() in bytes(response.body)) == (status, True)
