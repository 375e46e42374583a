"""Lines of the metrics logs are collected, and written many at once."""

from collections.abc import Sequence

from handler.metrics.metric_log import LogKind, MetricLog


def test_without_a_timer_each_line_is_written_at_once() -> None:
    written: list[tuple[LogKind, Sequence[str]]] = []
    log = MetricLog()
    log.write("ts", "dropped: there is no sink")
    log.sink = lambda kind, lines: written.append((kind, lines))
    log.write("ts", "a", 2)
    assert written == [("ts", ["a", "a"])]


def test_the_owner_of_a_timer_is_called_once_for_all_that_is_pending() -> None:
    written: list[tuple[LogKind, Sequence[str]]] = []
    calls: list[str] = []
    log = MetricLog()
    log.sink = lambda kind, lines: written.append((kind, lines))
    log.on_pending = lambda: calls.append("soon")
    log.write("ts", "a")
    log.write("model", "b")
    assert (written, calls, repr(log)) == ([], ["soon"], "<MetricLog 2 lines pending>")
    log.flush()
    assert written == [("ts", ["a"]), ("model", ["b"])]
    log.write("ts", "c")
    assert calls == ["soon", "soon"]
