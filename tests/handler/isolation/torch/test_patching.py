"""Patches of torch by libraries that build a model hold for the thread that asked, and for no other."""

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from handler.isolation.torch import patching
from handler.isolation.torch.patching import thread_private
from tests.support.one_worker import OneWorker, write

torch = pytest.importorskip("torch")

ACCELERATE = """
from contextlib import contextmanager
import torch

@contextmanager
def init_on_device(device):
    before = torch.nn.Module.register_parameter
    def register(module, name, parameter):
        before(module, name, parameter)
        module._parameters[name] = torch.nn.Parameter(parameter.to(device))
    torch.nn.Module.register_parameter = register
    try:
        yield
    finally:
        torch.nn.Module.register_parameter = before
"""
HANDLER = """
import torch
from accelerate.big_modeling import init_on_device

def empty(inside, go):
    with init_on_device("meta"):
        inside.set()
        go.wait()
        return torch.nn.Linear(2, 2).weight.is_meta

def full():
    return torch.nn.Linear(2, 2).weight.is_meta
"""


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[OneWorker]]:
    """Two loaded workers, and a library of that name."""
    files = {"accelerate/__init__.py": "", "accelerate/big_modeling.py": ACCELERATE}
    monkeypatch.syspath_prepend(write(tmp_path / "site-packages", files))
    workers = [OneWorker(write(tmp_path / name, {"handler.py": HANDLER})) for name in ("a", "b")]
    for worker in workers:
        worker.load()
    yield workers
    for worker in workers:
        worker.close()
    for name in [name for name in sys.modules if name.startswith("accelerate")]:
        del sys.modules[name]


def test_a_model_under_construction_leaves_others_as_they_are(workers: list[OneWorker]) -> None:
    original = torch.nn.Module.register_parameter
    inside, go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as other:
        empty = other.submit(workers[0].call, "empty", inside, go)
        inside.wait()
        assert workers[1].call("full") is False
        assert torch.nn.Linear(2, 2).weight.is_meta is False
        go.set()
        assert empty.result() is True
    assert torch.nn.Module.register_parameter is original


class Net(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Has modules inside modules, whose names are in the traces."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 4))

    def forward(self, x: Any) -> Any:
        return self.layers(x)


@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize(
    "trace",
    [lambda net, x: torch.jit.trace(net, x), lambda net, _: torch.fx.symbolic_trace(net)],  # noqa: PLW0108
    ids=["jit", "fx"],
)
def test_models_are_traced_while_others_are_traced_and_called(trace: Callable[..., Any]) -> None:
    called = Net()

    def work(_: int) -> float:
        net, x = Net(), torch.ones(1, 4)
        with torch.no_grad():
            return float((trace(net, x)(x) - net(x)).abs().max()) + float((called(x) - called(x)).abs().max())

    with ThreadPoolExecutor(4) as threads:
        assert max(threads.map(work, range(24))) < 1e-5


def replacing(entered: Callable[[], object]) -> Callable[[], object]:
    """A context manager that replaces a function of torch, as they are written everywhere."""

    @contextmanager
    def context() -> Iterator[None]:
        before = torch.nn.init.ones_
        torch.nn.init.ones_ = lambda tensor: tensor
        entered()
        try:
            yield
        finally:
            torch.nn.init.ones_ = before

    return thread_private(context)


def test_two_at_once_put_back_what_was_there() -> None:
    original = torch.nn.init.ones_
    inside, go = threading.Event(), threading.Event()

    def first() -> None:
        with replacing(inside.set)():
            go.wait()

    def second() -> float:
        with replacing(lambda: None)():
            return float(torch.nn.init.ones_(torch.zeros(())))

    with ThreadPoolExecutor(2) as threads:
        ends = [threads.submit(first)]
        inside.wait()
        ends.append(threads.submit(second))
        go.set()
        assert [end.result() for end in ends] == [None, 0.0]
    assert torch.nn.init.ones_ is original


def test_they_may_be_nested_on_one_thread() -> None:
    original = torch.nn.init.ones_
    with replacing(lambda: None)(), replacing(lambda: None)():
        assert float(torch.nn.init.ones_(torch.zeros(()))) == 0.0
    assert torch.nn.init.ones_ is original


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(patching, "LOCK_TIMEOUT_SECONDS", 0.01)
    inside, go = threading.Event(), threading.Event()

    def hang() -> None:
        with replacing(inside.set)():
            go.wait()

    with ThreadPoolExecutor(1) as other:
        hanging = other.submit(hang)
        inside.wait()
        with caplog.at_level(logging.WARNING, "marserve.loading"), replacing(lambda: None)():
            pass
        go.set()
        hanging.result()
    assert caplog.messages == [
        "A model has been built or traced for more than 0.01 s; another one does not wait for it."
    ]
