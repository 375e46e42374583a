"""Metrics and chunks from any thread of a process."""

import os
import signal

from tests.support.footprint import has_ended
from tests.support.load import until
from tests.support.process_service import Make

WAIT_SECONDS = 20


def test_metrics_of_a_batch_come_with_its_answer_and_others_at_once(make: Make) -> None:
    source = """
        import threading
        def handle(data, context):
            if data is None:
                context.metrics.add_counter("AtLoad", 1)
            elif data[0]["body"] == "later":
                threading.Timer(0.05, lambda: context.metrics.add_metric("Later", 2, unit="ms")).start()
            else:
                context.metrics.add_counter("InBatch", 3)
            return data and ["x"]
    """
    remote = make(source)
    assert [metric[:2] for metric in remote.metrics] == [("AtLoad", 1.0)]
    remote.ask("now")
    assert [metric[0] for metric in remote.metrics] == ["AtLoad", "InBatch", "PredictionTime"]
    assert remote.metrics[1][1:] == (3.0, "Count", {"ModelName": "m", "Level": "Model"}, "counter", "now")
    remote.ask("later")
    until(lambda: remote.metrics[-1][0] == "Later")
    assert remote.metrics[-1][1:3] == (2.0, "Milliseconds")


def test_a_forked_process_harms_no_later_answer(make: Make) -> None:
    """It has the sockets of its parent, and dies with it."""
    source = """
        import os, time
        def handle(data, context):
            if data:
                pid = os.fork()
                if pid == 0:
                    context.metrics.add_counter("Forked", 1)
                    time.sleep(60)
                    os._exit(0)
                return [pid]
    """
    remote = make(source)
    (pid,) = remote.ask("x")
    assert remote.ask("y") != [pid]
    os.kill(remote.service.pid, signal.SIGKILL)
    assert remote.ended.wait(WAIT_SECONDS)
    until(lambda: has_ended(int(pid)))
    assert "Forked" not in [metric[0] for metric in remote.metrics]
