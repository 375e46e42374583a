"""A server inside a test: settings to answers with no socket between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from app.application import create_apps
from app.lifespan import running
from app.model_server import ModelServer
from app.settings.model import Settings
from app.settings.types import InitialModel, ListenAddress


class Client:
    """Calls the APIs of a running application as HTTP clients do."""

    def __init__(self, application: ModelServer, http: httpx2.AsyncClient) -> None:
        self.application = application
        self.http = http

    async def predict(self, model: str, body: Any = None, **options: Any) -> httpx2.Response:
        """POST a JSON body to /predictions/{model}."""
        return await self.http.post(f"/predictions/{model}", json=body, **options)

    async def manage(self, method: str, path: str, **query: Any) -> httpx2.Response:
        """A management call with a query."""
        return await self.http.request(method, path, params={name: str(value) for name, value in query.items()})

    async def register(self, url: str, **query: Any) -> httpx2.Response:
        """Register an archive of the store, with one worker unless the query says otherwise."""
        return await self.manage("POST", "/models", **{"url": url, "initial_workers": 1, **query})

    async def describe(self, model: str) -> dict[str, Any]:
        """The description of a model's default version."""
        return (await self.http.get(f"/models/{model}")).json()[0]  # type: ignore[no-any-return]


async def until_loaded(application: ModelServer) -> None:
    """Wait until no worker loads any more."""
    while any(version.is_loading for version in application.registry.versions()):
        await asyncio.sleep(0.001)


@asynccontextmanager
async def serving(store: Path, *models: str, **settings: Any) -> AsyncIterator[Client]:
    """A server on one address with no token; waits until the named models are registered."""
    address = ListenAddress("http", "127.0.0.1", 8080)
    options = {
        **dict.fromkeys(("inference_address", "management_address", "metrics_address"), address),
        "authorization": "off",
        "default_workers_per_model": "1",
        "enable_model_api": "true",
        "metrics_mode": "prometheus",
        "watchdog_timeout": "0",
        **settings,
    }
    chosen = Settings(model_store=store, load_models=tuple(InitialModel(None, url) for url in models), **options)
    async with running(chosen) as application:
        await application.registry.started.wait()
        transport = httpx2.ASGITransport(
            create_apps(application)[address], client=("127.0.0.1", 50000), raise_app_exceptions=False
        )
        async with httpx2.AsyncClient(transport=transport, base_url="http://server", timeout=60) as http:
            yield Client(application, http)
