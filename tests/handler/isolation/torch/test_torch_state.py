"""The thread-local settings of torch stay with their worker, also where several share a thread."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from handler.devices.cpu_budget import Cores
from handler.devices.device import CPU, Device
from handler.job import Input, Job, Output
from handler.workers.spec import ServiceSpec, WorkerSpec
from handler.workers.thread_service import ThreadService
from tests.support.one_worker import write

torch = pytest.importorskip("torch")

PLAIN = """
import torch
def found():
    weight = torch.nn.Parameter(torch.empty(1))
    return [torch.is_grad_enabled(), (weight * 1).requires_grad, weight.is_meta, str(weight.dtype)]
def handle(data, context):
    return data and [found()]
"""
SETS = (
    PLAIN
    + """
torch.set_grad_enabled(False)
torch.set_default_device("meta")
torch.set_default_dtype(torch.float64)
"""
)
EXPLAINS = (
    PLAIN
    + """
def found():
    x = torch.ones(1, requires_grad=True)
    (x * 3).backward()
    return [x.grad.item()]
"""
)


@pytest.fixture(params=[CPU, Device("mps", None, "shared", 1 << 30)], ids=["own threads", "one thread for all"])
def services(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Loaded services, each with its thread; on the second device all share one."""
    services, threads = {}, []
    for name, source in (("sets", SETS), ("plain", PLAIN), ("explains", EXPLAINS)):
        folder = write(tmp_path / name, {"handler.py": source})
        service = ServiceSpec(name, folder, {}, "handler.py", 1)
        spec = WorkerSpec(service, 0, 9000, f"W-9000-{name}", request.param, Cores(1, 1, 1), lambda stream, line: None)
        threads.append(ThreadPoolExecutor(1))
        services[name] = threads[-1], ThreadService(spec, print)
        threads[-1].submit(services[name][1].load).result()
    yield services
    for thread, service in services.values():
        thread.submit(service.close).result()
        thread.shutdown()


def ask(services: dict[str, Any], name: str) -> Any:
    """The answer of one of them."""
    thread, service = services[name]
    (outcome,) = thread.submit(lambda: service.predict([Job(Input(()), "id")], print, concurrent=False)).result()
    assert isinstance(outcome, Output)
    return json.loads(outcome.body)


def test_gradients_devices_and_dtypes_are_each_workers_own(services: dict[str, Any]) -> None:
    for _ in range(2):
        assert ask(services, "sets") == [False, False, True, "torch.float64"]
        assert ask(services, "plain") == [True, True, False, "torch.float32"]
        assert ask(services, "explains") == [3.0]
