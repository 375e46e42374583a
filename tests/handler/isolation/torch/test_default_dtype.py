"""The default dtype that an archive, or a library for it, sets is in force on that worker's thread and nowhere else."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.one_worker import Make, OneWorker, workers_in

torch = pytest.importorskip("torch")

HANDLER = """
import numpy as np
import torch

def made():
    return {
        "default": torch.get_default_dtype(), "empty": torch.empty(1).dtype,
        "module": torch.nn.Linear(1, 1).weight.dtype,
        "fraction": torch.tensor([0.5]).dtype, "number": torch.tensor([1]).dtype, "like": torch.zeros_like(ONE).dtype,
        "array": torch.tensor(np.ones(1, np.float32)).dtype, "asked": torch.zeros(1, dtype=torch.float16).dtype,
        "range": torch.arange(3).dtype, "steps": torch.arange(0, 1, 0.5).dtype, "full": torch.full((1,), 0.5).dtype,
    }

ONE = torch.ones(1)
"""
SETS = "import torch\ntorch.set_default_dtype(torch.float64)\n" + HANDLER


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes workers."""
    with workers_in(tmp_path) as make:
        yield make


def dtypes(default: object) -> dict[str, object]:
    """The dtype that `made` finds with that default."""
    own = dict.fromkeys(("default", "empty", "module", "fraction", "like", "steps", "full"), default)
    return {**own, "number": torch.int64, "array": torch.float32, "asked": torch.float16, "range": torch.int64}


def on_one_thread(worker: OneWorker) -> object:
    """Load the archive and call it on the same thread, as workers do."""

    def load_and_call() -> object:
        with worker.environment.loading():
            handler = worker.namespace.load("handler")
        return handler.made()

    return worker.run(load_and_call)


def test_two_archives_have_different_ones(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    sets, plain = make("a", handler=SETS), make("b", handler=HANDLER)
    plain.load()
    assert on_one_thread(sets) == dtypes(torch.float64)
    assert caplog.messages == []
    assert plain.call("made") == dtypes(torch.float32)
    assert torch.zeros(1).dtype is torch.get_default_dtype() is torch.float32


def test_values_are_of_the_full_precision(make: Make) -> None:
    worker = make("a", handler=SETS + "answer = torch.tensor(0.1).item(), torch.full((), 0.1).item()")
    assert worker.load().answer == (0.1, 0.1)


def test_one_that_is_set_for_a_while_reaches_no_other_thread(make: Make) -> None:
    """As transformers does while it builds a model of half precision, within blocks of its own."""
    source = """
import torch
def build(inside, go):
    before = torch.get_default_dtype()
    with torch.device("meta"):
        torch.set_default_dtype(torch.float16)
        try:
            inside.set()
            go.wait()
            layer = torch.nn.Linear(1, 1).weight
        finally:
            torch.set_default_dtype(before)
    return layer.dtype, layer.is_meta, torch.zeros(1).dtype, torch.zeros(1).is_meta
"""
    builds, plain = make("a", handler=source), make("b", handler=HANDLER)
    builds.load(), plain.load()
    inside, go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as other:
        built = other.submit(builds.call, "build", inside, go)
        inside.wait()
        assert plain.call("made") == dtypes(torch.float32)
        go.set()
        assert built.result() == (torch.float16, True, torch.float32, False)


def test_it_goes_with_a_default_device_and_compiled_functions(make: Make) -> None:
    source = """
import torch
torch.set_default_dtype(torch.float64)
torch.set_default_device("cpu")
double = torch.compile(lambda: torch.ones(1) * 2, backend="eager", fullgraph=True)
asked = torch.compile(lambda: torch.ones(1, dtype=torch.get_default_dtype()), backend="eager", fullgraph=True)
answer = double().dtype, asked().dtype, torch.zeros(1).dtype
torch.set_default_dtype(torch.float32)
torch.set_default_device(None)
after = double().dtype, asked().dtype, torch.zeros(1).dtype
"""
    handler = make("a", handler=source).load()
    assert (handler.answer, handler.after) == ((torch.float64,) * 3, (torch.float32,) * 3)


@pytest.mark.parametrize("wrong", ["torch.int64", "'float64'"])
def test_what_is_no_floating_point_type_is_refused(make: Make, wrong: str) -> None:
    with pytest.raises(TypeError, match="only floating-point types are supported as the default type"):
        make("a", handler=f"import torch\ntorch.set_default_dtype({wrong})").load()


def test_the_servers_threads_set_the_processs(make: Make) -> None:
    worker = make("a", handler=HANDLER)
    worker.load()
    torch.set_default_dtype(torch.float64)
    try:
        assert worker.call("made")["empty"] is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
