"""The management API: register, list, describe, scale, choose the default, unregister."""

from typing import Any

from app.api.model_description import customized_answer, describe_version, metadata_of
from app.api.openapi import describe_management_models
from app.api.parameters import given, integer, one_of, optional, page_asked, workers
from app.errors import BadRequest, MethodNotAllowed, ResourceNotFound
from app.http.request import Call
from app.http.responses import Answer, json_answer, json_text, output_answer, status_answer
from model_registry.registration import Registration
from model_registry.registry import Registry
from model_registry.version import ModelVersion

PROCESSING = "Processing worker updates..."


class Management:
    """Answers the calls of the management address; registering and unregistering only with the model API enabled."""

    def __init__(self, registry: Registry, *, enabled: bool) -> None:
        self._registry = registry
        self._enabled = enabled

    async def answer(self, call: Call) -> Answer | None:
        """Manage models; None for other paths."""
        segments = call.segments
        if segments[0] in ("models", "v1"):
            await self._registry.started.wait()
        if segments[:2] == ["v1", "models"] and len(segments) == 3:
            return self._ready(call, segments[2].partition(":")[0])
        if segments[0] != "models":
            return None
        if len(segments) == 1:
            return await self._collection(call)
        if len(segments) == 4 and segments[3] == "set-default":
            return await self._default(call, segments[1], segments[2])
        if len(segments) > 3:
            raise ResourceNotFound
        return await self._item(call, segments[1], segments[2] if len(segments) == 3 else None)

    async def _collection(self, call: Call) -> Answer:
        if call.method == "GET":
            return self._list(call)
        if call.method == "POST" and self._enabled:
            return await self._register(call)
        raise MethodNotAllowed

    async def _item(self, call: Call, name: str, version: str | None) -> Answer:
        if call.method == "GET":
            return await self._describe(call, name, version)
        if call.method == "PUT":
            return await self._scale(call, name, version)
        if call.method == "OPTIONS":
            self._registry.resolve(name, version)
            return describe_management_models(name)
        if call.method == "DELETE" and self._enabled:
            await self._registry.unregister(name, version)
            return status_answer(f'Model "{name}" unregistered')
        raise MethodNotAllowed

    async def _default(self, call: Call, name: str, version: str) -> Answer:
        if call.method == "GET":  # as TorchServe does: it describes the default version
            return await self._describe(call, name, None)
        if call.method == "OPTIONS":
            return await self._item(call, name, None)
        if call.method != "PUT":
            raise MethodNotAllowed
        self._registry.set_default(name, version)
        return status_answer(f'Default version successfully updated for model "{name}" to "{version}"')

    def _ready(self, call: Call, name: str) -> Answer:
        if call.method != "GET":
            raise MethodNotAllowed
        return json_answer({"name": name, "ready": bool(self._registry.resolve(name).pool.workers)})

    def _list(self, call: Call) -> Answer:
        models, following = self._registry.page(*page_asked(call))
        listed = [{"modelName": model.name, "modelUrl": model.choose().archive.url} for model in models]
        return json_answer({"nextPageToken": None if following is None else str(following), "models": listed})

    async def _register(self, call: Call) -> Answer:
        parameters = given(call)
        if "url" not in parameters:
            raise BadRequest("Parameter url is required.")
        wait = str(parameters.get("synchronous", "true")).lower() == "true"
        version = await self._registry.register(
            Registration(
                str(parameters["url"]),
                parameters.get("model_name") or None,
                parameters.get("handler") or None,
                parameters.get("runtime"),
                batch_size=optional(parameters, "batch_size"),
                max_batch_delay=optional(parameters, "max_batch_delay"),
                initial_workers=workers(parameters, "initial_workers"),
                response_timeout=optional(parameters, "response_timeout"),
                startup_timeout=optional(parameters, "startup_timeout"),
                isolation=one_of(parameters, "isolation", "thread", "process"),
                wait=wait,
            )
        )
        least = version.config.min_workers
        if least > 0 and not wait:
            return status_answer(PROCESSING, 202)
        more = "" if least > 0 else ". Use scale workers API to add workers for the model."
        name, number = version.name, version.version
        return status_answer(f'Model "{name}" Version: {number} registered with {max(0, least)} initial workers{more}')

    async def _describe(self, call: Call, name: str, version: str | None) -> Answer:
        model = self._registry.model(name)
        if version == "all":
            return json_answer([self._description(one) for one in model.versions.values()])
        chosen = model.choose(version)
        if call.query.get("customized", "").lower() != "true":
            return json_answer([self._description(chosen)])
        answer = await customized_answer(chosen, call)
        described = {**self._description(chosen), "customizedMetadata": metadata_of(answer.body)}
        own = {name.lower(): value for name, value in answer.headers}
        headers = tuple({"content-type": "application/json", **own}.items())
        return output_answer(answer._replace(body=json_text([described]), headers=headers))

    def _description(self, version: ModelVersion) -> dict[str, Any]:
        return describe_version(version, at_startup=version.name in self._registry.startup_models)

    async def _scale(self, call: Call, name: str, version: str | None) -> Answer:
        asked = workers(call.query, "min_worker")
        least = 1 if asked is None else asked
        most = integer(call.query, "max_worker", least)
        if most < least:
            raise BadRequest("max_worker cannot be less than min_worker.")
        if least < 0:
            raise BadRequest("min_worker cannot be negative.")
        named = version or call.query.get("model_version")
        chosen: ModelVersion = self._registry.resolve(name, named)
        wait = call.query.get("synchronous", "false").lower() == "true"
        await self._registry.scale(chosen, least, most, wait=wait)
        if not wait:
            return status_answer(PROCESSING, 202)
        told = f", version: {named}" if named else ""
        return status_answer(f"Workers scaled to {least} for model: {name}{told}")
