"""The application builder: `serve.run(application({...}))`, `serve build`, or `import_path: marserve:ray_application`.

Each replica is a whole server without sockets of its own: Ray's proxies hand requests to its ASGI application, the
archive's batcher makes batches of those that are under way at once, and Ray scales by their number. Replicas agree on
models through a shared state, if one is named.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette

from app.application import APIS, build_app
from app.initial_models.arguments import with_targets
from app.initial_models.first_loads import first_loads
from app.lifespan import running
from app.model_server import ModelServer
from app.ray_serve.options import RayOptions
from app.settings.loading import marserve_settings
from app.settings.model import Settings

if TYPE_CHECKING:
    from ray.serve import Application

IN_REPLICAS = {"watchdog_timeout": "0", "marserve_metrics": "true"}
"""Settings of replicas where none are given: Ray's own health checks end a replica that stands still."""


class NotLoaded(RuntimeError):
    """A start-up model has not loaded: Ray reports it, and keeps the replicas that serve."""


class Replica:
    """One replica; Ray adds the application that `replica_application` makes, as `app`."""

    app: Starlette

    def check_health(self) -> None:
        """Raise RuntimeError if too many workers hang: Ray then replaces the replica."""
        if not self.app.state.model_server.registry.is_within_hung_limit:
            raise RuntimeError("Too many workers hang; only a restart ends them.")


def application(arguments: Mapping[str, Any]) -> "Application":
    """The application of Ray Serve for these arguments; raises ConfigurationError."""
    from ray import serve

    options = RayOptions.parse(arguments)
    build = partial(replica_application, options)

    def asgi_application() -> Starlette:
        return build()

    deployment = serve.deployment(serve.ingress(asgi_application)(Replica))
    return deployment.options(**options.deployment(_settings(options).drain_timeout)).bind()


def replica_application(options: RayOptions) -> Starlette:
    """The ASGI application of a replica, which has started when its models have loaded; raises NotLoaded then."""
    settings = with_targets(_settings(options), options.targets, Path.cwd())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with running(settings) as server:
            app.state.model_server = server
            await _loaded(server)
            yield {}

    return build_app(settings, APIS, lifespan)


async def _loaded(server: ModelServer) -> None:
    await server.wait_started()
    await first_loads(list(server.registry.versions()))
    if not server.registry.is_ready:
        raise NotLoaded("A model has not loaded; the lines before say which, and why.")


def _settings(options: RayOptions) -> Settings:
    given = {**IN_REPLICAS, **options.settings}
    return marserve_settings(os.environ, Path.cwd(), authorization="management", **given)
