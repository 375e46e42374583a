"""torch is made fit for several archives when the first of them imports it."""

from pathlib import Path

import pytest

from handler.isolation.torch import torch_changes
from tests.support.one_worker import OneWorker, workers_in

torch = pytest.importorskip("torch")
SETS = "import torch\ntorch.set_default_dtype(torch.float64)\ndef answer():\n    return str(torch.ones(1).dtype)\n"
LOADS = "import torch\ndef answer(file):\n    return torch.load(file)\n"


class Kept:
    """Not among the plain weights that torch loads by default."""


def dtype(worker: OneWorker) -> str:
    worker.load()
    return str(worker.call("answer"))


def test_dtypes_are_each_workers_own_and_the_processs_is_untouched(tmp_path: Path) -> None:
    with workers_in(tmp_path) as make:
        one, other = make("one", handler=SETS), make("other", handler=SETS.replace("float64", "float16"))
        assert (dtype(one), dtype(other)) == ("torch.float64", "torch.float16")
        assert (one.call("answer"), str(torch.ones(1).dtype)) == ("torch.float64", "torch.float32")


def test_archives_load_whole_objects_and_the_process_does_not(tmp_path: Path) -> None:
    torch.save(Kept(), tmp_path / "kept.pt")
    with workers_in(tmp_path) as make:
        worker = make("one", handler=LOADS)
        worker.load()
        assert type(worker.call("answer", str(tmp_path / "kept.pt"))).__name__ == "Kept"
    assert torch_changes.patch_torch.__doc__
    with pytest.raises(Exception, match="weights_only"):
        torch.load(tmp_path / "kept.pt")
