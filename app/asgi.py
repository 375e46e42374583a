"""The whole server as one ASGI application on one port, for any ASGI server or mounted into another application."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from app.lifespan import running
from app.listeners import grpc_serving
from app.sample_models import with_samples
from app.settings.loading import marserve_settings
from app.settings.model import Settings


def create_app(settings: Settings | None = None) -> Starlette:
    """An application that starts with its lifespan: all APIs on one port, management only with a token.

    Settings come from config.properties and the environment unless they are given.
    """
    front = Front()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        chosen = settings or _from_environment()
        async with running(chosen) as application, grpc_serving(application):
            (front.address,) = application.addresses().values()
            yield

    return Starlette(routes=[Mount("", app=front)], lifespan=lifespan)


def _from_environment() -> Settings:
    return with_samples(marserve_settings(os.environ, Path.cwd(), authorization="management"), os.environ)


class Front:
    """Hands requests to the address that the running lifespan serves."""

    address: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; needs the lifespan to have started."""
        assert self.address is not None, "the lifespan has not started: run this in an ASGI server, or enter it"
        await self.address(scope, receive, send)
