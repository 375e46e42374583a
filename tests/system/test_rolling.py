"""A rolling switch behind a proxy that retries nothing: the old server gets SIGTERM while the new one serves."""

import shutil
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.load import Load, status, until
from tests.support.processes import Server
from tests.support.proxies import Proxy, haproxy, small_proxy

SERVES = """
    import time
    def handle(data, context):
        if data:
            time.sleep(0.01)
            return ["served"] * len(data)
"""
INSTALLED = shutil.which("haproxy") or Path("/usr/sbin/haproxy").exists()
Front = Callable[[Path, int, int], AbstractContextManager[Proxy]]


@pytest.mark.parametrize(
    "front",
    [
        pytest.param(small_proxy, id="small"),
        pytest.param(haproxy, id="haproxy", marks=pytest.mark.skipif(not INSTALLED, reason="HAProxy is not installed")),
    ],
)
def test_no_request_fails_while_one_server_takes_over_from_another(
    store: Path, archive: MakeArchive, tmp_path: Path, front: Front
) -> None:
    archive("works", SERVES, config="batchSize: 4\nmaxBatchDelay: 20\n")
    with (
        Server.of(store, "works.mar") as old,
        Server.of(store, "works.mar") as new,
        front(tmp_path, old.port, new.port) as proxy,
    ):
        for server in (old, new):
            server.until_listening()
            until(lambda server=server: status(f"{server.url}/v2/health/ready") == 200)  # type: ignore[misc]
        with Load(proxy.url, 16, "works") as load:
            assert load.busy.wait(30)
            proxy.switch()
            assert old.stop(signal.SIGTERM) == 0, old.output
            before = load.answered
            until(lambda: load.answered > before + 50)
            load.stop()
        assert (load.lost, load.statuses) == (0, {200})
        assert new.stop(signal.SIGTERM) == 0
