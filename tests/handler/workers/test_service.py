"""A loaded handler: its results and exceptions become outcomes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from handler.devices.device import CPU
from handler.errors import BadOutput, OutOfMemory, PredictionFailed, PredictionRefused
from handler.job import JobOutcomes, Output, StreamChunk
from handler.log_record import unpack_record
from handler.workers.service import ResponseTooLarge, Service
from handler.workers.spec import ServiceSpec
from tests.support.one_version import text_job
from tests.support.one_worker import OneWorker, write

HANDLER = """
from ts.handler_utils.utils import send_intermediate_predict_response
from ts.utils.util import PredictionException

def lie(self):
    return 2

def fail(self):
    raise ValueError

class Handler:
    def initialize(self, context):
        self.context = context
    def handle(self, data, context):
        body = data[0]["body"]
        if body == "stream":
            send_intermediate_predict_response(["first"], context.request_ids, "", 200, context)
        if body == "refuse":
            raise PredictionException("why", 403)
        if body == "refuse badly":
            raise PredictionException("why", 7)
        if body == "memory":
            raise MemoryError
        if body == "cuda":
            raise RuntimeError("CUDA error")
        if body == "odd":
            raise type("Odd", (Exception,), {"__str__": fail})
        if body == "large":
            return ["x" * 1000]
        if body == "lie":
            return type("Lie", (list,), {"__len__": lie})()
        if body == "surrogate":
            return ["\\ud800"] * len(data)
        if body == "short":
            return []
        if body == "status":
            context.set_response_status(201, "Made", 0)
            context.set_response_header(0, "X", "1")
        return [row["body"] for row in data]
"""
Ask = Callable[..., Any]


class Loaded:
    """A service on a worker's thread."""

    def __init__(self, folder: Path) -> None:
        self.worker = OneWorker(write(folder, {"handler.py": HANDLER.encode()}))
        self.metrics: list[tuple[Any, ...]] = []
        self.chunks: list[Any] = []
        spec = ServiceSpec(
            "m",
            folder,
            {},
            "handler.py",
            4,
            max_response_size=500,
            metric_sink=lambda *metric: self.metrics.append(metric),
        )
        self.service = self.worker.run(Service.load, spec, self.worker.environment, CPU, lambda: None)

    def ask(self, *bodies: str) -> Any:
        """The outcomes of a batch."""
        return self.worker.run(self.service.predict, [text_job(body) for body in bodies], self._deliver)

    def _deliver(self, outcomes: JobOutcomes) -> None:
        self.chunks += [outcome for _, outcome in outcomes]


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Loaded]:
    loaded = Loaded(tmp_path / "m")
    yield loaded
    loaded.service.close()
    loaded.worker.close()


def test_each_row_has_its_output_and_the_batch_its_time(loaded: Loaded) -> None:
    assert loaded.ask("a", "b") == [Output(b"a"), Output(b"b")]
    ((name, _, unit, dimensions, kind, ids),) = loaded.metrics
    assert (name, unit, kind, ids) == ("PredictionTime", "Milliseconds", "gauge", "a,b")
    assert dimensions == {"ModelName": "m", "Level": "Model"}


def test_the_handler_sets_status_and_headers(loaded: Loaded) -> None:
    assert loaded.ask("status") == [Output(b"status", 201, "Made", (("X", "1"),))]


def test_chunks_are_delivered_while_the_handler_runs(loaded: Loaded) -> None:
    (last,) = loaded.ask("stream")
    (chunk,) = loaded.chunks
    assert isinstance(chunk, StreamChunk)
    assert (chunk.output.body, last.body) == (b"first", b"stream")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("memory", OutOfMemory), ("cuda", OutOfMemory), ("odd", PredictionFailed), ("surrogate", PredictionFailed),
        ("short", BadOutput), ("lie", BadOutput),
    ],
)  # fmt: skip
def test_an_error_is_the_outcome_of_every_job(loaded: Loaded, body: str, error: type[Exception]) -> None:
    assert [type(outcome) for outcome in loaded.ask(body, "other")] == [error, error]


@pytest.mark.parametrize(("body", "code"), [("refuse", 403), ("refuse badly", 500)])
def test_a_handler_refuses_with_its_own_code(loaded: Loaded, body: str, code: int) -> None:
    (outcome,) = loaded.ask(body)
    assert isinstance(outcome, PredictionRefused)
    assert (outcome.message, outcome.code) == ("why", code)


def test_an_exception_is_in_the_log(loaded: Loaded) -> None:
    loaded.ask("cuda")
    record = unpack_record(loaded.worker.lines_of("stdout")[-1])
    assert record is not None
    assert record.lines[0] == "Invoking custom service failed."
    assert record.lines[-1] == "RuntimeError: CUDA error"
    assert record.fields.keys() == {"request_id"}


def test_a_response_beyond_the_limit_ends_the_worker(loaded: Loaded) -> None:
    with pytest.raises(ResponseTooLarge):
        loaded.ask("large")
    assert loaded.worker.lines_of("stderr") == ["An answer of 1000 bytes exceeds max_response_size=500."]
