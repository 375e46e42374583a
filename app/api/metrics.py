"""The metrics API: /metrics in Prometheus' text format."""

from app.http.request import Call
from app.http.responses import Answer
from handler.metrics.server_metrics import Metrics

TEXT = ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),)


class MetricsPage:
    """Answers /metrics with any method; `name[]` parameters choose samples."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def answer(self, call: Call) -> Answer | None:
        """The exposition; None for other paths."""
        if call.segments[0] != "metrics":
            return None
        names = [value for name, value in call.query_list if name == "name[]"]
        return Answer(200, self._metrics.expose(names), TEXT, b"OK")
