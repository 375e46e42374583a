"""Responses in KServe's forms."""

import json

import pytest
from starlette.requests import Request
from starlette.responses import Response

from app.api.kserve.responses import answering_errors, json_response
from app.errors import BadRequest, ModelNotReady
from handler.errors import PredictionFailed

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("error", "status"), [(BadRequest("no"), 400), (ModelNotReady("m"), 503), (PredictionFailed(), 503)]
)
async def test_errors_are_texts_under_one_key(error: Exception, status: int) -> None:
    @answering_errors
    async def endpoint(request: Request) -> Response:
        raise error

    response = await endpoint(Request({"type": "http"}))
    assert (response.status_code, json.loads(bytes(response.body))) == (status, {"error": str(error)})


async def test_a_defect_is_left_to_the_server() -> None:
    @answering_errors
    async def endpoint(request: Request) -> Response:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await endpoint(Request({"type": "http"}))


def test_json_is_compact() -> None:
    assert json_response({"a": [1, 2]}).body == b'{"a":[1,2]}'
