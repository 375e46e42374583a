"""The index document at "/" of a port that serves all APIs, where TorchServe has nothing."""

from typing import Any

import ts
from starlette.requests import Request
from starlette.responses import Response

from app import release
from app.api.contract import Contract
from app.api.routing import ApiRoute
from app.http.responses import json_response


def index_document() -> dict[str, Any]:
    """The server's name and version, and where to go on."""
    return {
        "name": "marserve",
        "version": release.version(),
        "torchserve": ts.__version__,
        "predict": "POST /predictions/{model_name}",
        "models": "GET /models",
        "metrics": "GET /metrics",
        "description": "GET /api-description",
        "reference": "GET /openapi.json",
    }


async def index(request: Request) -> Response:
    """/ with any method but OPTIONS: where to go on; browsers get the console."""
    return json_response(index_document())


routes = [ApiRoute("/", index, contract=Contract("Index"))]
