"""Samples of live traffic: the features of a request and of its answer, taken when the answer is there."""

from collections.abc import Iterable

from handler.job import Input, Output, Part
from model_registry.drift.features import Value, features_of
from model_registry.drift.monitor import DriftMonitor
from model_registry.reply import PendingReply, ResponseStream

INPUT_PREFIX, OUTPUT_PREFIX = "input", "output"


def watch_reply(monitor: DriftMonitor, request: Input, reply: PendingReply) -> None:
    """Have the monitor observe a request and its answer; failures and streams are no samples."""

    def observe(outcome: Output | ResponseStream | Exception) -> None:
        if isinstance(outcome, Output):
            monitor.observe(sample_features(request.parts, bytes(outcome.body)))

    reply.observer = observe


def sample_features(parts: Iterable[Part], answer: bytes) -> dict[str, Value]:
    """The features of a request's parts and of its answer."""
    found: dict[str, Value] = {}
    for part in parts:
        name = INPUT_PREFIX if part.name in ("body", "data") else f"{INPUT_PREFIX}.{part.name}"
        found |= features_of(part.value, name)
    return found | features_of(answer, OUTPUT_PREFIX)
