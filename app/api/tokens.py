"""/token on the management address: a new key for an API, as TorchServe's token authorization has it."""

from starlette.requests import Request
from starlette.responses import Response

from app.api.contract import Contract
from app.api.openapi import parameter
from app.api.parameters import query
from app.api.routing import ApiRoute
from app.errors import ResourceNotFound
from app.http.responses import JSON, RawResponse, TorchServeResponse
from app.http.scope import header
from app.model_server import ModelServer


async def renew_key(request: Request) -> Response:
    """Renew the key of the API that the parameter `type` names; the key file has it."""
    keys = ModelServer.of(request.scope).access_policy.keys
    if keys is None:
        raise ResourceNotFound
    keys.replace_key(query(request).get("type", ""), header(request.scope, b"authorization"))
    return TorchServeResponse(RawResponse(200, b"\n", JSON, b"OK"))


_TYPE = parameter("type", "query", "management or inference.")
routes = [
    ApiRoute("/token", renew_key, contract=Contract("", query=(_TYPE,))),
    ApiRoute("/token/{remaining:path}", renew_key),
]
