"""The ASGI application: its routes, middleware, errors and lifespan.

A new API is a module of `app/api` that ends in `routes = [...]`: endpoints are small functions which take a Starlette
Request, find registry, metrics and settings in `ModelServer.of(request.scope)`, and return a response of
`app.http.responses` (or any of Starlette's). It is plugged in by one entry in `routes_of`; the errors it raises are
answered by the table in `app.errors`; a path that needs the management token is named in `app.access.authorization`.
"""

import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from app.api import drift, health, index, inference, metrics, open_inference, openapi, tokens, traffic, workflows
from app.api.fast_path import PredictionFastPath
from app.api.management import endpoints as management
from app.api.reference import endpoints as reference
from app.console import endpoints as console
from app.exception_handlers import EXCEPTION_HANDLERS
from app.grpc.listeners import grpc_serving
from app.http.fast_path import FAST_PATH
from app.initial_models.arguments import with_targets
from app.initial_models.samples import with_samples
from app.lifespan import running
from app.middleware import AccessLog, Authorization, BodyLimit, CommonHeaders, cors_headers
from app.model_server import ModelServer
from app.settings.loading import marserve_settings
from app.settings.model import Settings
from app.settings.sagemaker import sagemaker_targets
from app.settings.types import ListenAddress
from app.shutdown import ending_with_uvicorn

LOG = logging.getLogger("marserve.server")
APIS = ("inference", "management", "metrics")
KSERVE_APIS = ("kserve", "inference")
SAGEMAKER_APIS = ("sagemaker", "inference", "metrics")
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[dict[str, Any]]]


def create_app(settings: Settings | None = None) -> Starlette:
    """All APIs on one port, for any ASGI server, or mounted into another application that enters its lifespan.

    Settings come from config.properties and the environment unless they are given.
    """
    settings = settings or marserve_settings(os.environ, Path.cwd(), authorization="management")
    apis = SAGEMAKER_APIS if settings.sagemaker is not None else APIS

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with (
            running(_with_models(settings)) as server,
            grpc_serving(server),
        ):
            app.state.model_server = server
            with ending_with_uvicorn(server.deadline):
                yield _state(app, server, apis)

    return build_app(settings, apis, lifespan)


def _with_models(settings: Settings) -> Settings:
    """The settings with the models to serve; an ASGI server does not say where it listens."""
    sampled = with_samples(settings, os.environ, "http://HOST:PORT")
    return with_targets(sampled, sagemaker_targets(settings), Path.cwd())


def create_apps(server: ModelServer) -> dict[ListenAddress, Starlette]:
    """The application of each address of a running server. APIs that name the same address share it."""

    def lifespan_of(apis: tuple[str, ...]) -> Lifespan:
        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
            yield _state(app, server, apis)

        return lifespan

    shared = addresses(server.settings)
    apps = {address: build_app(server.settings, apis, lifespan_of(apis)) for address, apis in shared.items()}
    for app in apps.values():
        app.state.model_server = server
    return apps


def build_app(settings: Settings, apis: tuple[str, ...], lifespan: Lifespan) -> Starlette:
    """The application of one address that serves these APIs."""
    app = Starlette(
        routes=routes_of(settings, apis),
        middleware=middleware_of(settings, apis),
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def middleware_of(settings: Settings, apis: tuple[str, ...]) -> list[Middleware]:
    """The middleware around the routes, the outermost first."""
    return [
        Middleware(BodyLimit, limit=settings.max_request_size),
        Middleware(AccessLog),
        Middleware(CommonHeaders, cors=cors_headers(settings)),
        Middleware(Authorization, apis=apis),
    ]


def routes_of(settings: Settings, apis: tuple[str, ...]) -> list[BaseRoute]:
    """The routes of an address that serves these APIs, in the order in which TorchServe looks for them."""
    by_api: dict[str, list[BaseRoute]] = {
        "inference": [
            *_repository_routes(settings),
            *inference.routes(hides_management=not settings.one_port),
            *workflows.inference_routes,
            *((*health.routes, *open_inference.routes) if settings.one_port else ()),
            *(health.torchserve_routes if settings.ts_open_inference_protocol else ()),
        ],
        "management": [
            *drift.routes,
            *traffic.routes,
            *management.routes(enabled=settings.enable_model_api),
            *workflows.management_routes,
            *tokens.routes,
        ],
        "metrics": [*metrics.routes],
        "kserve": _kserve_routes() if "kserve" in apis else [],
        "sagemaker": _sagemaker_routes(settings) if "sagemaker" in apis else [],
    }
    routes = [route for api in apis for route in by_api[api]]
    if "kserve" in apis:  # whose protocols are its own there, whatever the method
        return [*by_api["kserve"], *_without_protocols(by_api["inference"])]
    if "sagemaker" in apis:  # the platform asks nothing else
        return routes
    # TorchServe describes metrics everywhere, and knows nothing of traffic and drift.
    described = [each for each in routes if settings.one_port or each not in (*drift.routes, *traffic.routes)]
    described = described if apis == ("metrics",) else [*metrics.routes, *described]
    descriptions = openapi.description_routes(described, with_own=apis != ("metrics",))
    if not settings.one_port:
        return [*descriptions, *routes]
    all_routes = [*descriptions, *console.routes(), *index.routes, *routes]
    return [*reference.routes(all_routes, apis), *all_routes]


def _repository_routes(settings: Settings) -> Sequence[BaseRoute]:
    """Triton's routes, where model repositories are served."""
    if settings.triton is None:
        return ()
    from app.api.triton.routes import routes  # protobuf is an extra

    return routes


def _without_protocols(routes: Iterable[BaseRoute]) -> list[BaseRoute]:
    return [each for each in routes if not getattr(each, "path", "").startswith(("/v1/", "/v2"))]


def _kserve_routes() -> list[BaseRoute]:
    from app.api.kserve.routes import routes  # brings numpy, which other servers start without

    return [*routes]


def _sagemaker_routes(settings: Settings) -> list[BaseRoute]:
    from app.api.sagemaker.routes import multi_model_routes, routes

    return [*routes, *(multi_model_routes if settings.sagemaker == "multi-model" else ())]


def addresses(settings: Settings) -> dict[ListenAddress, tuple[str, ...]]:
    """The APIs that each address serves, in the order in which TorchServe asks them."""
    if settings.sagemaker is not None:
        return {settings.inference_address: SAGEMAKER_APIS}
    configured = {"inference": settings.inference_address, "management": settings.management_address}
    if settings.enable_metrics_api:
        configured["metrics"] = settings.metrics_address
    shared: dict[ListenAddress, tuple[str, ...]] = {}
    for api, address in configured.items():
        shared[address] = (*shared.get(address, ()), api)
    if settings.kserve_protocol is not None:
        shared[settings.kserve_address] = KSERVE_APIS
    both = ("inference", "management")
    # Metrics are there besides the address of their own.
    return {address: APIS if apis == both and settings.enable_metrics_api else apis for address, apis in shared.items()}


def _state(app: Starlette, server: ModelServer, apis: tuple[str, ...]) -> dict[str, Any]:
    """The state of a running application: the server for its endpoints, and the fast path for TorchServeProtocol."""
    expected = [each.cls for each in middleware_of(server.settings, apis)]
    if [each.cls for each in app.user_middleware] != expected:
        LOG.info("Middleware was added to the application: predictions pass it, and take the fast path no more.")
        return {}
    return {FAST_PATH: PredictionFastPath(app, server, apis, cors_headers(server.settings))}
