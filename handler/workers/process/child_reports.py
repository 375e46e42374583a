"""What the process of a worker tells the server: answers, pieces of streams and metrics, from any of its threads."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

from handler.workers.process.channel import Channel
from handler.workers.process.serialization import plain


class Reports:
    """The sending sides of a process's two channels: answers, and the news that nobody asked for.

    Metrics of a batch in work travel with its next answer, all others are news. What nobody listens to any more is
    dropped; so is what comes from processes that the archive's code forks.
    """

    def __init__(self, answers: Channel, news: Channel) -> None:
        self._answers, self._news = answers, news
        self._lock = Lock()
        self._metrics: list[tuple[Any, ...]] = []
        self._busy = False
        os.register_at_fork(after_in_child=self._leave)

    def __repr__(self) -> str:
        return f"<Reports, {len(self._metrics)} metrics wait>"

    def answer(self, kind: str, content: Any = None) -> None:
        """Send a plain value, after all that was printed before it."""
        flush()
        with self._lock, suppress(OSError):
            metrics, self._metrics = self._metrics, []
            self._answers.send((kind, metrics, content))

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Keep metrics for the next answer, until the end of the block."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def metric(
        self, name: str, value: Any, unit: str, dimensions: Mapping[str, str], metric_type: str, request_ids: str
    ) -> None:
        """Take one update as `Metrics.emit` does: what is no number is dropped."""
        with suppress(TypeError, ValueError, OSError), self._lock:
            named = {str(key): str(text) for key, text in dimensions.items()}
            metric = plain(name), float(value), plain(unit), named, plain(metric_type), plain(request_ids)
            if self._busy:
                self._metrics.append(metric)
            else:
                self._news.send([metric])

    def _leave(self) -> None:
        self._answers.close()
        self._news.close()
        self._lock = Lock()  # another thread may have held the old one


def flush() -> None:
    """Let the server have all that was printed."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # the archive's code may have closed or replaced it
            stream.flush()
