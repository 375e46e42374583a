"""A server whose interpreter's lock is never given back ends by itself, with its reason; others never do."""

import asyncio
import http.client
import signal
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import Thread
from time import monotonic

import pytest

from app.watchdog.observer import EXIT_SIGNAL
from app.watchdog.watchdog import Watchdog
from handler.workers.worker import Worker
from model_registry.tasks.loop_watch import LoopWatch
from tests.conftest import MakeArchive
from tests.support.load import until
from tests.support.processes import Server

SLEEPS = """
    import ctypes
    def handle(data, context):
        if data and data[0]["body"] == b"hold":
            ctypes.PyDLL(None).usleep(SECONDS * 1000000)
        return data and ["x"] * len(data)
"""
MATCHES = """
    import re
    def handle(data, context):
        if data:
            re.match("(a+)+$", "a" * 60 + "b")
        return ["x"]
"""
LOADS = """
    import ctypes
    class Loads:
        def initialize(self, context):
            ctypes.PyDLL(None).usleep(2500000)
        def handle(self, data, context):
            return ["x"] * len(data)
"""


class Version:
    """A version that is busy as long as it is said to be."""

    is_watched = False
    is_busy = True
    is_loading = False
    current_workers: Sequence[Worker] = ()
    response_timeout = startup_timeout = 120.0


def post(server: Server, model: str, body: bytes = b"hold") -> int:
    """The status of a prediction, 0 where the connection ends before its answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        try:
            connection.request("POST", f"/predictions/{model}", body)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0


@pytest.mark.parametrize("handler", [SLEEPS.replace("SECONDS", "600"), MATCHES], ids=["C code", "a regular expression"])
def test_a_lock_that_is_never_given_back_ends_the_server(store: Path, archive: MakeArchive, handler: str) -> None:
    archive("holds", handler)
    logs = store.parent / "logs"
    environ = {"MARSERVE_WATCHDOG_TIMEOUT": "1", "LOG_LOCATION": str(logs)}
    with Server.of(store, "holds.mar", environ=environ) as server:
        server.until_listening()
        until(lambda: " loaded in " in server.output)
        assert post(server, "holds") == 0  # the connection is closed
        assert server.process.wait(30) == int(EXIT_SIGNAL)
    assert "W-9000-holds_1.0 holds the interpreter's lock" in server.output
    assert "handler.py" in server.output
    assert "status 63" in server.lines[-1]
    assert server.lines[-1] in (logs / "ts_log.log").read_text()


def test_a_signal_ends_a_server_whose_loop_stands_still_within_its_time(store: Path, archive: MakeArchive) -> None:
    archive("holds", SLEEPS.replace("SECONDS", "600"))
    with Server.of(store, "holds.mar", environ={"MARSERVE_DRAIN_TIMEOUT": "1"}) as server:
        server.until_listening()
        until(lambda: " loaded in " in server.output)
        asking = Thread(target=post, args=(server, "holds"))
        asking.start()
        until(lambda: not _answers(server))
        began = monotonic()
        assert server.stop(signal.SIGTERM) == int(EXIT_SIGNAL)
        assert monotonic() - began < 30  # it would be a minute
        asking.join()
    assert "though a signal asks it to end" in server.output


def test_stalls_within_the_limit_a_slow_load_and_a_stopped_process_end_nothing(
    store: Path, archive: MakeArchive
) -> None:
    archive("pauses", SLEEPS.replace("SECONDS", "1"))
    archive("loads", LOADS)
    with Server.of(store, "pauses.mar", "loads.mar", environ={"MARSERVE_WATCHDOG_TIMEOUT": "1.6"}) as server:
        server.until_listening()
        until(lambda: server.output.count("Torch worker started") == 2)
        asking = Thread(target=post, args=(server, "pauses"))
        asking.start()
        until(lambda: not _answers(server))
        server.process.send_signal(signal.SIGSTOP)
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(2)
        server.process.send_signal(signal.SIGCONT)
        asking.join()
        assert post(server, "pauses", b"x") == 200
        assert server.stop(signal.SIGTERM) == 0
    assert "stood still" not in server.output


@pytest.mark.anyio
async def test_no_timer_runs_while_nothing_is_busy(tmp_path: Path) -> None:
    watch = LoopWatch()
    watchdog = Watchdog(watch, 60.0, 8.0, "")
    watch.on_busy = watchdog.start
    version = Version()
    try:
        watch.add(version)
        await asyncio.sleep(0)
        assert "watching" in repr(watchdog)
        version.is_busy = False
        for _ in range(500):
            if "idle" in repr(watchdog):
                break
            await asyncio.sleep(0.01)
        assert "idle" in repr(watchdog)
        assert not version.is_watched
    finally:
        watchdog.close()


def _answers(server: Server) -> bool:
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=0.3)) as connection:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
    except OSError:
        return False
