"""The inference API: predictions under each of TorchServe's URLs, explanations, and /ping."""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

from app.api.openapi import describe_model_inference
from app.errors import BadRequest, ResourceNotFound
from app.http.request import Call, WireHeaders
from app.http.request_body import parts_of
from app.http.responses import Answer, output_answer, status_answer
from handler.job import Input, Part
from model_registry.errors import VersionNotFound
from model_registry.model import Model
from model_registry.registry import Registry
from model_registry.reply import PendingReply

PREDICTION = (("explain", "False"), ("url_path", ""))
"""The headers that TorchServe adds to a plain prediction."""
VERB = re.compile(":(predict|explain)")
EXPLAIN = {"predict": "False", "infer": "False", "explain": "True"}


Route = Callable[[Call, list[str]], Awaitable[Answer | None]]


class Inference:
    """Answers the calls of the inference address; the method of a request never matters, as with TorchServe."""

    def __init__(self, registry: Registry, *, one_port: bool = False) -> None:
        self._registry = registry
        self._one_port = one_port
        self._routes: dict[str, Route] = {
            "ping": self._ping,
            "predictions": self._predictions,
            "explanations": self._explanations,
            "invocations": self._invocations,
            "v1": self._v1,
            "v2": self._v2,
            "models": self._invoke,
        }

    def begin(self, call: Call) -> PendingReply | None:
        """Begin the everyday call, POST /predictions/{model}, at once; None: `answer` has to look at it.

        Raises what `answer` raises.
        """
        model = self._asked(call)
        if model is None:
            return None
        request = _input(call, (), PREDICTION)
        return model.choose().submit(request, call.request_id)

    def foresee(self, call: Call) -> Exception | None:
        """That the model's queue is full."""
        model = self._asked(call)
        with suppress(VersionNotFound):
            return model.choose().early_refusal() if model is not None else None
        return None

    async def answer(self, call: Call) -> Answer | None:
        """Predict, explain, or tell about health; None for other paths."""
        segments = call.segments
        route = self._routes.get(segments[0])
        answer = await route(call, segments) if route else None
        if answer is not None:
            return answer
        if len(segments) in (2, 3) and segments[-1] == "predict" and segments[0] != "models":  # the oldest form
            return await self._with_query(call, segments[0], segments[1] if len(segments) == 3 else None)
        return None

    def _asked(self, call: Call) -> Model | None:
        segments = call.segments
        if len(segments) != 2 or segments[0] != "predictions" or call.method == "OPTIONS":
            return None
        return self._registry.get(segments[1])

    async def _ping(self, call: Call, segments: list[str]) -> Answer:
        healthy = self._registry.is_healthy
        return status_answer("Healthy" if healthy else "Unhealthy", 200 if healthy else 500)

    async def _predictions(self, call: Call, segments: list[str], explain: str = "False") -> Answer | None:
        if len(segments) < 2:
            return None
        version = segments[2] if len(segments) > 2 else None
        extras = (("explain", explain), ("url_path", "/".join(segments[3:])))
        return await self._predict(call, segments[1], version, extras=extras)

    async def _explanations(self, call: Call, segments: list[str]) -> Answer | None:
        return await self._predictions(call, segments, explain="True")

    async def _v1(self, call: Call, segments: list[str]) -> Answer | None:
        verb = VERB.search(segments[-1])
        if len(segments) != 3 or segments[1] != "models" or verb is None:
            return None
        return await self._predict(call, segments[2].partition(":")[0], extras=(("explain", EXPLAIN[verb[1]]),))

    async def _v2(self, call: Call, segments: list[str]) -> Answer | None:
        if len(segments) != 4 or segments[1] != "models" or segments[3] not in ("infer", "explain"):
            return None
        return await self._predict(call, segments[2], extras=(("explain", EXPLAIN[segments[3]]),))

    async def _invoke(self, call: Call, segments: list[str]) -> Answer | None:
        if len(segments) != 3:
            return None
        if segments[2] != "invoke":
            if self._one_port:
                return None
            raise ResourceNotFound  # even if the management API, which knows such paths, is on the same address
        return await self._with_query(call, segments[1])

    async def _invocations(self, call: Call, segments: list[str]) -> Answer | None:
        if len(segments) > 1:
            return None
        parts = parts_of(call.body, call.header(b"content-type"))
        fields = {part.name: part.value.decode("utf-8", "replace") for part in parts if part.name == "model_name"}
        name = call.query.get("model_name", self._registry.only_startup_model or fields.get("model_name"))
        if name is None:
            raise BadRequest("Parameter model_name is required.")
        return await self._with_query(call, name)

    async def _with_query(self, call: Call, name: str, version: str | None = None) -> Answer:
        return await self._predict(call, name, version, _query_parts(call))

    async def _predict(
        self,
        call: Call,
        name: str,
        version: str | None = None,
        query: tuple[Part, ...] = (),
        extras: tuple[tuple[str, str], ...] = (),
    ) -> Answer:
        if call.method == "OPTIONS":
            await self._registry.find(name, version)
            return describe_model_inference(name)
        request = _input(call, query, extras)
        chosen = await self._registry.find(name, version)
        return output_answer(await chosen.predict(request, call.request_id, version or "default"))


def _input(call: Call, query: tuple[Part, ...], extras: tuple[tuple[str, str], ...]) -> Input:
    parts = parts_of(call.body, call.header(b"content-type"))
    return Input((*query, *parts) if query else parts, WireHeaders(call.headers, extras), call.case_known)


def _query_parts(call: Call) -> tuple[Part, ...]:
    return tuple(Part(name, "", value.encode()) for name, value in call.query_list)
