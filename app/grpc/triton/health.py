"""The standard health service as Triton answers it: every service has the readiness of the server."""

from app.grpc.health import Health, Response
from app.model_server import ModelServer


class TritonHealth(Health):
    """Whether the server is ready, for any name."""

    def __init__(self, server: ModelServer) -> None:
        super().__init__(server.registry, ())
        self._repositories = server.repositories

    def _state(self, service: str) -> int:
        is_ready = self._repositories is not None and self._repositories.is_ready
        return Response.SERVING if is_ready and not self._is_closed.is_set() else Response.NOT_SERVING  # type: ignore[no-any-return]
