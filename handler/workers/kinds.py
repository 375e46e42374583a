"""The kinds of services: each has a specification of its own, and a way to load what that specifies."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from handler.job import Deliver, Job
from handler.workers.continuous import load_service as load_archive_service
from handler.workers.service import HandlerEnvironment
from handler.workers.spec import ServiceSpec, WorkerSpec


class LoadedService(Protocol):
    """A service of any kind, called by one thread only."""

    def predict(self, jobs: Sequence[Job], deliver: Deliver) -> Sequence[Any]:
        """The outcome of each job; chunks of streams are delivered while it runs."""

    def close(self) -> None:
        """Stop what the service has started, and forget it."""


def load_service(spec: WorkerSpec, environment: HandlerEnvironment, on_import: Callable[[], object]) -> LoadedService:
    """Load what a worker serves with; raises whatever its code raises."""
    service = spec.service
    if isinstance(service, ServiceSpec):
        return load_archive_service(service, environment, spec.device, on_import)
    from handler.tensors.service import load_service as load_tensor_service  # with numpy

    return load_tensor_service(service, environment, spec.device, spec.index, on_import)
