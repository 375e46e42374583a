"""Continuous batching: a handler is called again and again for the same requests, until its criteria end them."""

from collections.abc import Callable, Sequence
from typing import Any

from handler.devices.device import Device
from handler.job import Outcome, StreamChunk
from handler.workers.service import HandlerEnvironment, Service
from handler.workers.spec import ServiceSpec

NEXT_CHUNK_HEADER = "ts_stream_next"


class ContinuousService(Service):
    """A service whose handler sets `context.stopping_criteria`, one function for each row, in every call.

    Each is called with the row's result: false means that it is a chunk and the request goes on, true that it is the
    last chunk, None that it is the whole answer. A request that goes on comes again with the same id and headers, and
    with an empty row.
    """

    def _outcomes(self, results: Sequence[Any]) -> list[Outcome]:
        return [self._outcome(index, value) for index, value in enumerate(results)]

    def _outcome(self, index: int, value: Any) -> Outcome:
        context = self._context
        is_last = context.stopping_criteria[index](value) if context.stopping_criteria else None
        if is_last is not None:
            context.set_response_header(index, NEXT_CHUNK_HEADER, "false" if is_last else "true")
        output = self._output(index, value)
        return output if is_last is None or is_last else StreamChunk(output)


def load_service(
    spec: ServiceSpec, environment: HandlerEnvironment, device: Device, on_import: Callable[[], object]
) -> Service:
    """A service of the kind that the specification asks for; raises whatever the handler raises."""
    kind = ContinuousService if spec.continuous else Service
    return kind.load(spec, environment, device, on_import)
