"""Messages from the process of a worker to the server: answers, chunks of streams and metrics, from any thread."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

from handler.workers.process.channel import Channel
from handler.workers.process.serialization import plain


class Reports:
    """The sending sides of a process's two channels: answers, and unrequested messages.

    Metrics of a running batch travel with its next answer, all others in messages of their own. Messages to a server
    that is gone are dropped; so are those of processes that the archive's code forks.
    """

    def __init__(self, answers: Channel, messages: Channel) -> None:
        self._answers, self._messages = answers, messages
        self._lock = Lock()
        self._metrics: list[tuple[Any, ...]] = []
        self._in_batch = False
        os.register_at_fork(after_in_child=self._detach)

    def __repr__(self) -> str:
        return f"<Reports, {len(self._metrics)} metrics pending>"

    def answer(self, kind: str, content: Any = None) -> None:
        """Send a plain value, after all that was printed before."""
        flush()
        with self._lock, suppress(OSError):
            metrics, self._metrics = self._metrics, []
            self._answers.send((kind, metrics, content))

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Keep metrics for the next answer, until the end of the block."""
        self._in_batch = True
        try:
            yield
        finally:
            self._in_batch = False

    def metric(
        self, name: str, value: Any, unit: str, dimensions: Mapping[str, str], metric_type: str, request_ids: str
    ) -> None:
        """Add one value as `Metrics.emit` does: what is no number is dropped."""
        with suppress(TypeError, ValueError, OSError), self._lock:
            named = {str(key): str(text) for key, text in dimensions.items()}
            metric = plain(name), float(value), plain(unit), named, plain(metric_type), plain(request_ids)
            if self._in_batch:
                self._metrics.append(metric)
            else:
                self._messages.send([metric])

    def _detach(self) -> None:
        self._answers.close()
        self._messages.close()
        self._lock = Lock()  # another thread may have held the old one


def flush() -> None:
    """Send all that was printed to the server."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # the archive's code may have closed or replaced it
            stream.flush()
