"""A version that traffic rules chose for a request of tensors, and the report of what becomes of it."""

from time import monotonic
from typing import Any

from handler.tensors.errors import Code
from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.spec import OnResponse
from model_registry.tensors.tensor_mirror import MirroredTensors
from model_registry.tensors.tensor_reply import PendingResponses
from model_registry.traffic.model_traffic import ModelTraffic

SERVER_FAULTS = {Code.INTERNAL, Code.UNAVAILABLE, Code.UNKNOWN}


class RoutedVersion:
    """Passes one request on to a version, and lets the traffic of its model know how long it took and how it ended.

    `shadow` is the version to which it may be given besides.
    """

    def __init__(self, served: Any, traffic: ModelTraffic, shadow: Any = None) -> None:
        self._served = served
        self._traffic = traffic
        self._shadow = shadow
        self.name: str = served.name
        self.version: str = served.version
        self.model = served.model

    def __repr__(self) -> str:
        return f"<RoutedVersion {self._served!r}>"

    def submit_tensors(self, request: TensorRequest, on_response: OnResponse) -> PendingResponses:
        """Accept a request; its responses come to the function, on the event loop. Raises TensorError."""
        started, mirrored = monotonic(), self._mirror(request)

        def receive(response: TensorResponse, is_final: bool) -> None:
            if is_final:
                failed = response.error is not None and response.error.code in SERVER_FAULTS
                self._traffic.observe(self.version, monotonic() - started, failed=failed)
            on_response(response, is_final)
            if mirrored is not None:
                mirrored.receive(response, is_final)

        return self._served.submit_tensors(request, receive)  # type: ignore[no-any-return]

    def _mirror(self, request: TensorRequest) -> MirroredTensors | None:
        mirror = self._traffic.mirror_for(self.version) if self._shadow is not None else None
        return None if mirror is None else MirroredTensors.start(mirror, self._shadow, request)
