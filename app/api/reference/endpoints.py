"""The route of the reference: /openapi.json."""

from collections.abc import Sequence
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from app.api.contract import Contract
from app.api.routing import ApiRoute
from app.model_server import ModelServer


def routes(described: Sequence[BaseRoute], apis: Sequence[str]) -> list[ApiRoute]:
    """The route of an address with these routes and APIs; it describes itself too."""

    async def openapi(request: Request) -> Response:
        """The OpenAPI 3.1 document of every route."""
        from app.api.reference.document import reference_document

        policy = ModelServer.of(request.scope).access_policy
        return JSONResponse(reference_document([*own, *described], partial(policy.needs_token, apis=apis)))

    own = [ApiRoute("/openapi.json", openapi, "GET", contract=Contract("Object"))]
    return own
