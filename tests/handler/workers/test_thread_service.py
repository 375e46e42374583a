"""A service on the thread of its worker, or on the only thread of its device."""

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from handler.devices.device import CPU, Device
from handler.job import Output
from handler.workers.thread_service import ThreadService
from tests.support.one_version import WorkerFixture, text_job

THREADS = """
    import threading
    AT_IMPORT = threading.current_thread().name
    def handle(data, context):
        return data and [[AT_IMPORT, threading.current_thread().name] for _ in data]
"""
EXITS = """
    import os, threading
    def leave():
        try:
            os._exit(7)
        except SystemExit:  # which ends the thread
            pass
    def handle(data, context):
        if data is None:
            return None
        thread = threading.Thread(target=leave)
        thread.start()
        thread.join()
        return ["done"] * len(data)
"""


@pytest.mark.parametrize(("device", "name"), [(CPU, "MainThread"), (Device("mps"), "mps_0")])
def test_it_loads_and_serves_on_one_thread(tmp_path: Path, device: Device, name: str) -> None:
    spec = replace(WorkerFixture(tmp_path / "m", THREADS).spec(), device=device)
    service = ThreadService(spec, print)
    thread = threading.Thread(target=service.load, name="MainThread")
    if device == CPU:
        service.load()
    else:  # whichever thread asks
        thread.start()
        thread.join()
    (outcome,) = service.predict([text_job("x")], print, concurrent=False)
    assert isinstance(outcome, Output)
    assert outcome.body.count(name.encode()) == 2
    assert (service.pid, service.kill()) == (os.getpid(), False)
    service.close()


def test_an_exit_on_another_thread_is_reported_until_it_is_closed(tmp_path: Path) -> None:
    statuses: list[int] = []
    service = ThreadService(WorkerFixture(tmp_path / "m", EXITS).spec(), statuses.append)
    service.load()
    service.predict([text_job("x")], print, concurrent=False)
    assert statuses == [7]
    assert repr(service).startswith("<ThreadService <WorkerEnvironment of W-9000-m_1.0")
    service.close()
    service._environment.on_exit(8)
    assert statuses == [7]
