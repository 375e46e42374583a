"""Files of torch.save that hold more than weights: loaded with the handler, if that is allowed, and no later."""

import io
import logging
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.one_worker import OneWorker, write
from tests.support.serving import serving

MODEL = """
import torch

class Net(torch.nn.Linear):
    def __init__(self):
        super().__init__(1, 1)
        torch.nn.init.constant_(self.weight, 2)
        torch.nn.init.constant_(self.bias, 1)
"""
SAVER = "import torch, model\n\ndef save(file):\n    torch.save(model.Net(), file)\n"
LOADER = "import torch\n\ndef load(file, **options):\n    return type(torch.load(file, **options)).__name__\n"
REFUSED = (
    "{} holds an object of class model.Net, which torch does not load by default. Save the model's "
    "state_dict() instead, or, where you trust the file, {}."
)

BASE = """
    from ts.torch_handler.base_handler import BaseHandler

    class Handler(BaseHandler):
        def preprocess(self, data):
            return super().preprocess([row["body"] for row in data])
"""

MakeLoader = Callable[..., OneWorker]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A whole module, of an archive's class `model.Net`."""
    worker = OneWorker(write(tmp_path_factory.mktemp("saver"), {"handler.py": SAVER, "model.py": MODEL}))
    buffer = io.BytesIO()
    worker.load()
    worker.call("save", buffer)
    worker.close()
    return buffer.getvalue()


@pytest.fixture
def loader(tmp_path: Path, whole: bytes) -> Iterator[MakeLoader]:
    """Makes a worker whose handler has `load`, and whose archive has the class and, in whole.pt, the module."""
    workers: list[OneWorker] = []

    def make(handler: str = LOADER, *, model: str = MODEL, **more: bool) -> OneWorker:
        files = {"handler.py": handler, "model.py": model, "whole.pt": whole}
        workers.append(OneWorker(write(tmp_path / "archive", files), **more))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


def test_whole_modules_are_loaded_with_the_handler(loader: MakeLoader, caplog: pytest.LogCaptureFixture) -> None:
    worker = loader(f"{LOADER}\nfound = load('whole.pt')\n")
    with caplog.at_level(logging.WARNING, "marserve.pickles"):
        assert worker.load().found == "Net"
    assert "whole.pt holds more than weights; it was loaded, because allow_pickles is on." in caplog.messages


def test_streams_are_read_from_where_they_stood(loader: MakeLoader, whole: bytes) -> None:
    worker = loader(f"{LOADER}\nwith open('padded.pt', 'rb') as file:\n    file.seek(3)\n    found = load(file)\n")
    (worker.folder / "padded.pt").write_bytes(b"pad" + whole)
    assert worker.load().found == "Net"


def test_what_comes_later_may_be_a_clients_and_is_refused(loader: MakeLoader, whole: bytes) -> None:
    worker = loader()
    worker.load()
    with pytest.raises(pickle.UnpicklingError) as refusal:
        worker.call("load", io.BytesIO(whole))
    assert refusal.value.__notes__ == [REFUSED.format("A BytesIO", "load it in initialize, or pass weights_only=False")]


def test_the_configuration_may_forbid_them(loader: MakeLoader) -> None:
    worker = loader(f"{LOADER}\nload('whole.pt')\n", allow_pickles=False)
    with pytest.raises(pickle.UnpicklingError) as refusal:
        worker.load()
    remedy = "set allow_pickles=true in the server's configuration"
    assert refusal.value.__notes__ == [REFUSED.format("whole.pt", remedy)]


def test_a_handler_that_decides_for_itself_gets_what_it_asked_for(loader: MakeLoader) -> None:
    worker = loader(f"{LOADER}\nload('whole.pt', weights_only=True)\n")
    with pytest.raises(pickle.UnpicklingError):
        worker.load()
    trusting = loader(f"{LOADER}\nfound = load('whole.pt', weights_only=False)\n", allow_pickles=False)
    assert trusting.load().found == "Net"


def test_a_class_that_is_gone_is_told_with_the_file(loader: MakeLoader) -> None:
    worker = loader(f"{LOADER}\nload('whole.pt')\n", model="class Other: pass\n")
    with pytest.raises(AttributeError, match="Can't get attribute 'Net'") as error:
        worker.load()
    (note,) = error.value.__notes__
    assert note.startswith("whole.pt was saved with classes that cannot be imported here. Add the module")


def test_scripts_are_loaded_by_handlers_that_take_them_for_pickles(loader: MakeLoader) -> None:
    """torch.load did that for them before it minded weights."""
    script = "torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), 'script.pt')"
    worker = loader(f"{LOADER}\n{script}\nfound = load('script.pt')\n")
    with pytest.warns(UserWarning, match="TorchScript archive"):
        assert worker.load().found == "RecursiveScriptModule"


def test_the_servers_own_threads_are_as_ever(whole: bytes) -> None:
    import torch

    with pytest.raises(pickle.UnpicklingError) as refusal:
        torch.load(io.BytesIO(whole))
    assert not hasattr(refusal.value, "__notes__")


@pytest.mark.anyio
@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_the_base_handler_serves_whole_modules(
    store: Path, archive: MakeArchive, whole: bytes, isolation: str
) -> None:
    archive("old", BASE, {"model.py": MODEL, "whole.pt": whole}, modelFile="model.py", serializedFile="whole.pt")
    async with serving(store) as client:
        assert (await client.register("old.mar", isolation=isolation)).status_code == 200
        assert (await client.predict("old", [3.0])).json() == [7.0]


@pytest.mark.anyio
@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_the_base_handler_refuses_what_the_configuration_forbids(
    store: Path, archive: MakeArchive, whole: bytes, isolation: str
) -> None:
    archive("old", BASE, {"model.py": MODEL, "whole.pt": whole}, modelFile="model.py", serializedFile="whole.pt")
    async with serving(store, allow_pickles="false") as client:
        assert (await client.register("old.mar", isolation=isolation)).status_code == 500
