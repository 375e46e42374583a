"""TorchServe's gRPC management service: each call is the HTTP call of the same meaning."""

import json
from typing import Any
from urllib.parse import urlencode

from app.api.management import Management
from app.api.parameters import PAGE
from app.errors import BadRequest, ModelApiDisabled
from app.grpc.messages import MANAGEMENT, message
from app.http.request import Call
from app.http.responses import Answer

SERVICE = f"{MANAGEMENT}.ManagementAPIsService"
Response = message(MANAGEMENT, "ManagementResponse")
REGISTRATION = (
    "url", "model_name", "handler", "runtime",
    "batch_size", "max_batch_delay", "initial_workers", "response_timeout", "startup_timeout",
)  # fmt: skip


class ManagementApis:
    """Answers the calls of the management service: with the text of a description or a list, else with a sentence."""

    def __init__(self, management: Management, *, enabled: bool) -> None:
        self._management = management
        self._enabled = enabled

    async def describe_model(self, request: Any, call: Call) -> Any:
        """GET /models/{name}/{version}."""
        query = {"customized": "true"} if request.customized else {}
        return _text(await self._ask("GET", _path(request), query))

    async def list_models(self, request: Any, call: Call) -> Any:
        """GET /models. Without a limit TorchServe lists nothing here; that can serve nobody."""
        query = {"limit": request.limit or PAGE, "next_page_token": request.next_page_token}
        return _text(await self._ask("GET", ["models"], query))

    async def register_model(self, request: Any, call: Call) -> Any:
        """POST /models."""
        self._check_enabled()
        return _sentence(await self._ask("POST", ["models"], _said(request, *REGISTRATION)))

    async def scale_worker(self, request: Any, call: Call) -> Any:
        """PUT /models/{name}/{version}."""
        return _sentence(await self._ask("PUT", _path(request), _said(request, "min_worker", "max_worker")))

    async def set_default(self, request: Any, call: Call) -> Any:
        """PUT /models/{name}/{version}/set-default."""
        segments = ["models", request.model_name, request.model_version, "set-default"]
        return _sentence(await self._ask("PUT", segments, {}))

    async def unregister_model(self, request: Any, call: Call) -> Any:
        """DELETE /models/{name}/{version}."""
        self._check_enabled()
        if not request.model_name:
            raise BadRequest("Parameter url is required.")  # TorchServe's slip of the pen
        return _sentence(await self._ask("DELETE", _path(request), {}))

    async def _ask(self, method: str, segments: list[str], query: dict[str, Any]) -> Answer:
        call = Call(method, "/", urlencode(query).encode(), (), b"")
        call.segments = segments  # a name may hold a slash
        answer = await self._management.answer(call)
        assert answer is not None
        return answer

    def _check_enabled(self) -> None:
        if not self._enabled:
            raise ModelApiDisabled


def _path(request: Any) -> list[str]:
    return ["models", request.model_name, *filter(None, [request.model_version])]


def _said(request: Any, *names: str) -> dict[str, Any]:
    """What a request says of these fields; nothing is said by a number that is not above zero, and by an empty text."""
    fields = {name: getattr(request, name) for name in names}
    said = {name: value for name, value in fields.items() if (value > 0 if isinstance(value, int) else value)}
    return {**said, "synchronous": str(request.synchronous).lower()}


def _text(answer: Answer) -> Any:
    return Response(msg=answer.body.decode().rstrip("\n"))


def _sentence(answer: Answer) -> Any:
    return Response(msg=json.loads(answer.body)["status"])
