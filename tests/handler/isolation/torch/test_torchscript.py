"""PyTorch takes equal names in several archives for what they are: its compilers and its pickles."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.one_worker import OneWorker, write

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
torch = pytest.importorskip("torch")

MODEL = """
import enum
from typing import NamedTuple
import torch
import layers

class Pair(NamedTuple):
    FIELDS

class Color(enum.Enum):
    RED = NUMBER

@torch.jit.script
class Scale:
    def __init__(self, by: int):
        self.by = by
    def get(self) -> int:
        return self.by * NUMBER

@torch.jit.script
def pair(x: torch.Tensor) -> Pair:
    return Pair(ARGUMENTS)

def color(red: Color) -> int:
    return red.value

def scaled(x: torch.Tensor) -> torch.Tensor:
    return layers.double(x) + Scale(1).get() + layers.OFFSET

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = layers.Inner()
    def forward(self, x):
        return layers.shift(self.inner(x))

class Scripted(torch.nn.Module):
    def forward(self, x):
        return scaled(x)
"""

LAYERS = """
import torch

OFFSET: int = NUMBER
STATE = {"n": NUMBER}

def double(x: torch.Tensor) -> torch.Tensor:
    return x * 2

def shift(x):
    return x + STATE["n"]

class Inner(torch.nn.Module):
    def forward(self, x):
        return x * NUMBER
"""

HANDLER = """
import copy, io
import torch
import model

ONE = torch.ones(1)

def saved(save, load, thing):
    buffer = io.BytesIO()
    save(thing, buffer)
    assert b"_mar_" not in buffer.getvalue() or save is torch.jit.save
    buffer.seek(0)
    return load(buffer)

def load_whole(file):
    return torch.load(file, weights_only=False)

def plain():
    net = model.Net()
    loaded = saved(torch.save, load_whole, net)
    assert type(loaded) is model.Net
    return [each(ONE).item() for each in (net, loaded, copy.deepcopy(net), torch.jit.trace(net, ONE))]

def compiled():
    net = model.Net()
    whole = torch.compile(net, backend="eager", fullgraph=True)
    before = whole(ONE).item()
    model.layers.STATE["n"] += 100
    after = whole(ONE).item()
    model.layers.STATE["n"] -= 100
    return [before, after]

def scripted():
    net = torch.jit.script(model.Scripted())
    functions = torch.jit.script(model.scaled), net, saved(torch.jit.save, torch.jit.load, net)
    return [each(ONE).item() for each in functions]

def types():
    return len(torch.jit.script(model.pair)(ONE)), torch.jit.script(model.color)(model.Color.RED)
"""


def files(number: int) -> dict[str, str]:
    """An archive whose every type and function returns `number`."""
    fields = "\n    ".join(f"field{each}: torch.Tensor" for each in range(number))
    model = MODEL.replace("FIELDS", fields).replace("ARGUMENTS", ", ".join("x" * number))
    return {
        "handler.py": HANDLER,
        "model.py": model.replace("NUMBER", str(number)),
        "layers.py": LAYERS.replace("NUMBER", str(number)),
    }


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[OneWorker, int]]:
    """Two workers of each of two archives, with the archive's number."""
    folders = {number: write(tmp_path_factory.mktemp("archive"), files(number)) for number in (2, 3)}
    workers = {OneWorker(folder): number for number, folder in folders.items() for _ in range(2)}
    for worker in workers:
        worker.load()
    yield workers
    for worker in workers:
        worker.close()


def answers(workers: dict[OneWorker, int], name: str) -> dict[int, Any]:
    """The answer of the workers' function, which must be the same for all of an archive."""
    found = [(number, worker.call(name)) for worker, number in workers.items()]
    assert found[0::2] == found[1::2]
    return dict(found)


def test_modules_run_and_are_loaded_as_whole_objects(workers: dict[OneWorker, int]) -> None:
    assert answers(workers, "plain") == {2: [4.0] * 4, 3: [6.0] * 4}


def test_modules_are_compiled(workers: dict[OneWorker, int]) -> None:
    """Also functions and state of a sibling module that another archive has, too."""
    assert answers(workers, "compiled") == {2: [4.0, 104.0], 3: [6.0, 106.0]}


def test_functions_modules_and_script_classes_are_scripted(workers: dict[OneWorker, int]) -> None:
    assert answers(workers, "scripted") == {2: [6.0] * 3, 3: [8.0] * 3}


def test_tuples_and_enumerations_are_scripted(workers: dict[OneWorker, int]) -> None:
    assert answers(workers, "types") == {2: (2, 2), 3: (3, 3)}
