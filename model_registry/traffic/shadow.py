"""Shadow traffic: requests are given to a second version as well, whose answers are compared and thrown away."""

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any, Protocol

from handler.errors import HandlerError
from handler.job import Input, Output
from model_registry.errors import RegistryError
from model_registry.reply import ResponseStream
from model_registry.traffic.comparison import Difference, Response, compare
from model_registry.traffic.latencies import RecentLatencies
from model_registry.traffic.tolerance import Tolerance
from model_registry.version import ModelVersion

MAX_PENDING = 64
"""Requests of the shadow in flight; more are dropped."""
MAX_SAMPLES = 50
MAX_SAMPLE_BYTES = 4096
FAILED = Response(500, b"")
"""The response that any failure counts as."""

Outcome = Output | ResponseStream | Exception


class ShadowRequest(Protocol):
    """A request that the shadow has, and has not answered yet."""

    def detach(self) -> None:
        """Withdraw it: its answer is not wanted any more."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two answers to one request that differ; bodies are cut to MAX_SAMPLE_BYTES."""

    request_id: str
    differences: list[Difference]
    old_body: str
    new_body: str
    request_body: str | None = None
    """Only where keeping requests has been switched on."""


class ShadowMirror:
    """Gives answered requests of one version to another, and compares.

    A request is mirrored once its real answer is there, so that it never waits for the shadow; while more than a batch
    of real requests waits, too many mirrored ones are in flight, or no worker of the shadow is ready, it is dropped and
    counted. With the last ready worker those that wait for one are dropped too: each might be the end of the next.
    """

    def __init__(
        self, shadow: ModelVersion, tolerance: Tolerance, on_compared: Callable[[bool], object] | None = None, *,
        keep_requests: bool = False,
    ) -> None:  # fmt: skip
        self.shadow = shadow
        self.tolerance = tolerance
        self.agreed = self.differed = self.dropped = 0
        self.samples: deque[Disagreement] = deque(maxlen=MAX_SAMPLES)
        self._on_compared = on_compared
        self._keep_requests = keep_requests
        self._pending = 0
        self._waiting: set[ShadowRequest] = set()
        self._old_latencies, self._new_latencies = RecentLatencies(), RecentLatencies()

    def __repr__(self) -> str:
        return f"<ShadowMirror to {self.shadow.version}: {self.agreed} agreed, {self.differed} differed>"

    def is_for(self, shadow: ModelVersion, tolerance: Tolerance) -> bool:
        """Whether it gives requests to this version, and compares with this tolerance."""
        return self.shadow is shadow and self.tolerance == tolerance

    def mirror(self, real: ModelVersion, request: Input, request_id: str) -> Callable[[Outcome], None] | None:
        """The observer of the reply to a request that goes to the real version; None where the request is dropped."""
        if not self.reserve():
            return None
        submitted = monotonic()

        def on_answer(outcome: Outcome) -> None:
            seconds = monotonic() - submitted
            if isinstance(outcome, ResponseStream) or len(real.batcher) > real.batcher.batch_size:
                self.drop()
            else:
                self.observe_old(seconds)
                self._submit(request, request_id, _response(outcome))

        return on_answer

    def reserve(self) -> bool:
        """Take a place among the requests in flight; False, and counted as dropped, where there is none."""
        if self._pending >= MAX_PENDING or not self.shadow.is_ready:
            self._count_dropped()
            return False
        self._pending += 1
        return True

    def observe_old(self, seconds: float) -> None:
        """Add the latency of a real answer."""
        self._old_latencies.observe(seconds)

    def drop(self) -> None:
        """Give the place of a request back that the shadow does not answer."""
        self._pending -= 1
        self._count_dropped()

    def wait_for(self, request: ShadowRequest) -> None:
        """Withdraw this request, if what waits for the shadow is dropped before it is answered."""
        self._waiting.add(request)

    def end_waiting(self, request: ShadowRequest) -> None:
        """Its answer is here: there is nothing to withdraw any more."""
        self._waiting.discard(request)

    def finish(
        self, request_id: str, old: Response, new: Response, seconds: float, request: Input | None = None
    ) -> None:
        """Compare the answers to a request, and give its place back; the shadow took so many seconds."""
        self._pending -= 1
        self._new_latencies.observe(seconds)
        self._compare(request_id, old, new, request)
        if not self.shadow.is_ready:
            self.drop_waiting()

    def drop_waiting(self) -> None:
        """Withdraw all requests that the shadow has not answered."""
        waiting, self._waiting = self._waiting, set()
        for request in waiting:
            request.detach()
            self.drop()

    def describe(self) -> dict[str, Any]:
        """The counts and latencies, in milliseconds."""
        compared = self.agreed + self.differed
        return {
            "version": self.shadow.version,
            "agreed": self.agreed,
            "differed": self.differed,
            "dropped": self.dropped,
            "agreement": self.agreed / compared if compared else None,
            "latency": {"old": self._old_latencies.describe(), "new": self._new_latencies.describe()},
        }

    def describe_samples(self) -> list[dict[str, Any]]:
        """The recent disagreements, the newest last."""
        return [asdict(sample) for sample in self.samples]

    def _submit(self, request: Input, request_id: str, old: Response) -> None:
        submitted = monotonic()
        try:
            reply = self.shadow.submit(request._replace(times=None), request_id, "shadow")
        except (RegistryError, HandlerError):
            self.drop()
            return

        def on_answer(outcome: Outcome) -> None:
            self.end_waiting(reply)
            if isinstance(outcome, ResponseStream):
                reply.detach()
                self.drop()
                return
            self.finish(request_id, old, _response(outcome), monotonic() - submitted, request)

        self.wait_for(reply)
        reply.set_callback(on_answer)

    def _count_dropped(self) -> None:
        self.dropped += 1
        self.shadow.metrics.series.count_shadow_answer("dropped")

    def _compare(self, request_id: str, old: Response, new: Response, request: Input | None) -> None:
        differences = compare(old, new, self.tolerance)
        if differences:
            self.differed += 1
            parts = request.parts if request is not None and self._keep_requests else ()
            kept = _text(b"\n".join(bytes(part.value) for part in parts)) if parts else None
            self.samples.append(Disagreement(request_id, differences, _text(old.body), _text(new.body), kept))
        else:
            self.agreed += 1
        self.shadow.metrics.series.count_shadow_answer("differed" if differences else "agreed")
        if self._on_compared is not None:
            self._on_compared(not differences)


def _response(outcome: Output | Exception) -> Response:
    return Response(outcome.status, bytes(outcome.body)) if isinstance(outcome, Output) else FAILED


def _text(body: bytes) -> str:
    return body[:MAX_SAMPLE_BYTES].decode("utf-8", "replace")
