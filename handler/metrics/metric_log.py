"""The lines of ts_metrics.log and model_metrics.log, collected for a moment so that many are written at once."""

from collections.abc import Callable, Sequence
from typing import Literal

LogKind = Literal["ts", "model"]
Sink = Callable[[LogKind, Sequence[str]], None]


class MetricLog:
    """Any thread may write; `flush` passes what is pending to the sink. Without `on_pending` nothing is pending."""

    def __init__(self) -> None:
        self.sink: Sink | None = None
        """Takes lines of one of the logs, without the time in front."""
        self.on_pending: Callable[[], object] | None = None
        """Called when the first line is pending; the owner of a timer then calls `flush` within a moment."""
        self._lines: dict[LogKind, list[str]] = {"ts": [], "model": []}
        self._is_pending = False

    def __repr__(self) -> str:
        return f"<MetricLog {sum(map(len, self._lines.values()))} lines pending>"

    def write(self, kind: LogKind, line: str, count: int = 1) -> None:
        """Add a line, `count` times."""
        self._lines[kind] += [line] * count
        if self.on_pending is None:
            self.flush()
        elif not self._is_pending:
            self._is_pending = True
            self.on_pending()

    def flush(self) -> None:
        """Pass all pending lines to the sink."""
        self._is_pending = False
        for kind in self._lines:
            lines, self._lines[kind] = self._lines[kind], []
            if lines and self.sink is not None:
                self.sink(kind, lines)
