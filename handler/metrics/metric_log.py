"""The lines of ts_metrics.log and model_metrics.log, kept for a moment so that many are written at once."""

from collections.abc import Callable, Sequence
from typing import Literal

Kind = Literal["ts", "model"]
Sink = Callable[[Kind, Sequence[str]], None]


class MetricLog:
    """Any thread may write; `flush` hands what waits to the sink. Without a `soon` nothing waits."""

    def __init__(self) -> None:
        self.sink: Sink | None = None
        """Takes lines of one of the logs, without the time in front."""
        self.soon: Callable[[], object] | None = None
        """Called when something waits: whoever owns a timer then has everything flushed within a moment."""
        self._lines: dict[Kind, list[str]] = {"ts": [], "model": []}
        self._told = False

    def __repr__(self) -> str:
        return f"<MetricLog {sum(map(len, self._lines.values()))} lines waiting>"

    def write(self, kind: Kind, line: str, times: int = 1) -> None:
        """Add a line, as often as what it tells has happened."""
        self._lines[kind] += [line] * times
        if self.soon is None:
            self.flush()
        elif not self._told:
            self._told = True
            self.soon()

    def flush(self) -> None:
        """Hand over what waits."""
        self._told = False
        for kind in self._lines:
            lines, self._lines[kind] = self._lines[kind], []
            if lines and self.sink is not None:
                self.sink(kind, lines)
