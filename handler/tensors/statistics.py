"""Counters of one version of a model, as Triton's statistics and metrics have them; times are in nanoseconds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock
from time import time
from typing import Any, NamedTuple


class Failure(Enum):
    """Reasons of failed requests, by the labels of the metrics."""

    REJECTED = "REJECTED"
    CANCELED = "CANCELED"
    BACKEND = "BACKEND"
    OTHER = "OTHER"


class ComputeTimes(NamedTuple):
    """The three parts of an execution: preparing inputs, computing, and handing out outputs."""

    input: int = 0
    infer: int = 0
    output: int = 0


class RequestTimes(NamedTuple):
    """Times of one request."""

    queue: int
    """Until an instance took it."""
    total: int
    """Until its last response."""


@dataclass(slots=True)
class Duration:
    """The count of an event, and its total time."""

    count: int = 0
    nanoseconds: int = 0

    def add(self, count: int, nanoseconds: int) -> None:
        """Count some more."""
        self.count += count
        self.nanoseconds += nanoseconds

    def described(self) -> dict[str, int]:
        """The duration as clients read it."""
        return {"count": self.count, "ns": self.nanoseconds}


@dataclass(slots=True)
class BatchStatistics:
    """Executions of batches of one size."""

    compute_input: Duration = field(default_factory=Duration)
    compute_infer: Duration = field(default_factory=Duration)
    compute_output: Duration = field(default_factory=Duration)

    def add(self, count: int, times: ComputeTimes) -> None:
        """Count an execution, or the requests of one."""
        self.compute_input.add(count, count * times.input)
        self.compute_infer.add(count, count * times.infer)
        self.compute_output.add(count, count * times.output)

    def described(self) -> dict[str, dict[str, int]]:
        """The durations as clients read them."""
        return {
            "compute_input": self.compute_input.described(),
            "compute_infer": self.compute_infer.described(),
            "compute_output": self.compute_output.described(),
        }


class Statistics:
    """Counts what the instances of one version serve; called from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.last_inference = 0
        """Milliseconds since the epoch; 0 before the first."""
        self.inference_count = 0
        """Rows."""
        self.execution_count = 0
        self.success = Duration()
        self.fail = Duration()
        self.queue = Duration()
        self.compute = BatchStatistics()
        self.cache_hit = Duration()
        self.cache_miss = Duration()
        self.batches: dict[int, BatchStatistics] = {}
        """Executions by their rows."""
        self.failures = dict.fromkeys(Failure, 0)

    def __repr__(self) -> str:
        return f"<Statistics {self.inference_count} rows in {self.execution_count} executions>"

    def described(self) -> dict[str, Any]:
        """All of it as Triton's clients and perf_analyzer read it."""
        return {
            "last_inference": self.last_inference,
            "inference_count": self.inference_count,
            "execution_count": self.execution_count,
            "inference_stats": {
                "success": self.success.described(),
                "fail": self.fail.described(),
                "queue": self.queue.described(),
                **self.compute.described(),
                "cache_hit": self.cache_hit.described(),
                "cache_miss": self.cache_miss.described(),
            },
            "response_stats": {},
            "batch_stats": [{"batch_size": rows, **self.batches[rows].described()} for rows in sorted(self.batches)],
            "memory_usage": [],
        }

    def count_execution(self, requests: Sequence[RequestTimes], rows: int, times: ComputeTimes) -> None:
        """Count one execution for requests that were answered, be it with errors of their own."""
        with self._lock:
            self.last_inference = int(time() * 1000)
            self.inference_count += rows
            self.execution_count += 1
            self.success.add(len(requests), sum(request.total for request in requests))
            self.queue.add(len(requests), sum(request.queue for request in requests))
            self.compute.add(len(requests), times)
            self.batches.setdefault(rows, BatchStatistics()).add(1, times)

    def count_failed_execution(self, count: int, nanoseconds: int, rows: int, times: ComputeTimes) -> None:
        """Count an execution whose requests failed with it."""
        with self._lock:
            self.execution_count += 1
            self.fail.add(count, nanoseconds)
            self.failures[Failure.BACKEND] += count
            self.batches.setdefault(rows, BatchStatistics()).add(1, times)

    def count_failure(self, reason: Failure, nanoseconds: int) -> None:
        """Count a request that failed without an execution of its own."""
        with self._lock:
            self.fail.add(1, nanoseconds)
            self.failures[reason] += 1

    def count_refused(self, reason: Failure) -> None:
        """Count a request that came to no execution."""
        with self._lock:
            self.failures[reason] += 1

    def count_cached(self, request: RequestTimes, *, is_hit: bool, lookup: int) -> None:
        """Count a look into the response cache; a hit answers the request."""
        with self._lock:
            (self.cache_hit if is_hit else self.cache_miss).add(1, lookup)
            if is_hit:
                self.success.add(1, request.total)
                self.queue.add(1, request.queue)
