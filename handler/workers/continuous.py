"""Continuous batching: a handler is called again and again for the same requests, until its criteria end them."""

from collections.abc import Callable, Sequence
from typing import Any

from handler.devices.device import Device
from handler.job import Job, Outcome, StreamChunk
from handler.workers.service import HandlerEnvironment, Service, ServiceSpec

NEXT = "ts_stream_next"


class ContinuousService(Service):
    """A service whose handler sets `context.stopping_criteria`, one function for each row, in every call.

    Each is given the row's result: false means that it is a piece and the request goes on, true that it is the last
    piece, None that it is the whole answer. A request that goes on comes again with the same id and headers, and with
    an empty row.
    """

    def _outcomes(self, jobs: Sequence[Job], results: Sequence[Any]) -> list[Outcome]:
        return [self._outcome(index, value) for index, value in enumerate(results)]

    def _outcome(self, index: int, value: Any) -> Outcome:
        context = self._context
        stops = context.stopping_criteria[index](value) if context.stopping_criteria else None
        if stops is not None:
            context.set_response_header(index, NEXT, "false" if stops else "true")
        output = self._output(index, value)
        return output if stops is None or stops else StreamChunk(output)


def load_service(
    blueprint: ServiceSpec, around: HandlerEnvironment, device: Device, imported: Callable[[], object]
) -> Service:
    """A service of the kind that the blueprint asks for; raises whatever the handler raises."""
    kind = ContinuousService if blueprint.continuous else Service
    return kind.load(blueprint, around, device, imported)
