"""The server's side of KServe's Open Inference Protocol: what it is, whether it lives, and whether it is ready."""

from app.http.request import Call
from app.http.responses import Answer, json_answer
from model_registry.registry import Registry

LIVE = ["v2", "health", "live"]
READY = ["v2", "health", "ready"]
METADATA = {"name": "Torchserve", "version": "0.12.0", "extenstion": ["kserve", "kubeflow"]}  # sic
NO_VERSIONS = {"error": "Model versioning is not yet supported."}


class OpenInference:
    """What TorchServe adds with ts_open_inference_protocol: it says that it is ready, whatever its models do."""

    async def answer(self, call: Call) -> Answer | None:
        """Tell about the server; None for other paths."""
        if call.segments == ["v2"]:
            return json_answer(METADATA)
        if call.segments == LIVE:
            return json_answer({"live": True})
        if call.segments == READY:
            return json_answer({"ready": True})
        if len(call.segments) > 4 and "/versions" in "/".join(call.segments):
            return json_answer(NO_VERSIONS, 501)
        return None


class ServerHealth:
    """The probes of a platform, answered truthfully."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def answer(self, call: Call) -> Answer | None:
        """Tell about health; None for other paths."""
        if call.segments == LIVE:
            return _told("live", self._registry.is_within_hung_limit)
        return _told("ready", self._registry.is_ready) if call.segments == READY else None


def _told(word: str, is_so: bool) -> Answer:
    return json_answer({word: is_so}, 200 if is_so else 503)
