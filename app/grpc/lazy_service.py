"""A gRPC service that is imported with its first call."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import grpc


class LazyService(grpc.ServiceRpcHandler):  # type: ignore[misc]  # grpc comes without types
    """Imports the service for its first call.

    A server of archives starts without numpy and the code of Triton's protocol.
    """

    def __init__(self, name: str, load: Callable[[], grpc.GenericRpcHandler]) -> None:
        self._name = name
        self._load = load

    def __repr__(self) -> str:
        return f"<LazyService {self._name}>"

    def service_name(self) -> str:
        """The full name of the service."""
        return self._name

    def service(self, handler_call_details: Any) -> Any:
        """The handler of a call's method; None where it is not of this service."""
        if not handler_call_details.method.startswith(f"/{self._name}/"):
            return None
        return self._handler.service(handler_call_details)

    @cached_property
    def _handler(self) -> grpc.GenericRpcHandler:
        return self._load()
