"""TorchServe's gRPC management service, over the same values as the HTTP API."""

from typing import Any

from app.api.management import models
from app.api.management.description import DESCRIBE
from app.api.parameters import PAGE_SIZE
from app.errors import BadRequest, ModelApiDisabled
from app.grpc.messages import MANAGEMENT, message
from app.http.request import new_request_id
from app.http.responses import json_text
from model_registry.registry import Registry

SERVICE = f"{MANAGEMENT}.ManagementAPIsService"
Response = message(MANAGEMENT, "ManagementResponse")
REGISTRATION = (
    "url", "model_name", "handler", "runtime",
    "batch_size", "max_batch_delay", "initial_workers", "response_timeout", "startup_timeout",
)  # fmt: skip


class ManagementApis:
    """Answers the calls of the management service: with the JSON text of a description or a list, else a sentence."""

    def __init__(self, registry: Registry, *, enabled: bool) -> None:
        self._registry = registry
        self._enabled = enabled

    async def describe_model(self, request: Any) -> Any:
        """GET /models/{name}/{version}."""
        await self._registry.started.wait()
        name, version = _names(request)
        if not request.customized or version == "all":
            return _json(models.describe_model(self._registry, name, version))
        described = await models.describe_customized(self._registry, name, version, DESCRIBE, new_request_id())
        return _json(described.models)

    async def list_models(self, request: Any) -> Any:
        """GET /models. Without a limit TorchServe lists nothing here, which is of no use."""
        await self._registry.started.wait()
        query = {"limit": request.limit or PAGE_SIZE, "next_page_token": request.next_page_token}
        return _json(models.list_models(self._registry, query))

    async def register_model(self, request: Any) -> Any:
        """POST /models."""
        self._check_enabled()
        await self._registry.started.wait()
        return _sentence(await models.register_model(self._registry, _given(request, *REGISTRATION)))

    async def scale_worker(self, request: Any) -> Any:
        """PUT /models/{name}/{version}."""
        await self._registry.started.wait()
        parameters = _given(request, "min_worker", "max_worker")
        return _sentence(await models.scale_workers(self._registry, *_names(request), parameters))

    async def set_default(self, request: Any) -> Any:
        """PUT /models/{name}/{version}/set-default."""
        await self._registry.started.wait()
        return _sentence(await models.set_default(self._registry, request.model_name, request.model_version))

    async def unregister_model(self, request: Any) -> Any:
        """DELETE /models/{name}/{version}."""
        self._check_enabled()
        if not request.model_name:
            raise BadRequest("Parameter url is required.")  # TorchServe's slip of the pen
        await self._registry.started.wait()
        return _sentence(await models.unregister_model(self._registry, *_names(request)))

    def _check_enabled(self) -> None:
        if not self._enabled:
            raise ModelApiDisabled


def _names(request: Any) -> tuple[str, str | None]:
    return request.model_name, request.model_version or None


def _given(request: Any, *names: str) -> dict[str, Any]:
    """The fields that a request sets: numbers above zero, and strings that are not empty."""
    fields = {name: getattr(request, name) for name in names}
    given = {name: value for name, value in fields.items() if (value > 0 if isinstance(value, int) else value)}
    return {**given, "synchronous": request.synchronous}


def _json(value: Any) -> Any:
    return Response(msg=json_text(value).decode().rstrip("\n"))


def _sentence(confirmation: models.Confirmation) -> Any:
    return Response(msg=confirmation.text)
