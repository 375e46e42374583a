"""torch is made fit for several archives when the first of them imports it."""

from pathlib import Path

import pytest

from tests.support.one_worker import workers_in

torch = pytest.importorskip("torch")
HANDLER = """
import torch
torch.set_default_dtype(torch.float64)

class Kept:
    pass

torch.save(Kept(), "kept.pt")
KIND = type(torch.load("kept.pt")).__name__
DTYPE = str(torch.ones(1).dtype)
"""


def test_each_archive_has_a_dtype_of_its_own_and_loads_whole_objects(tmp_path: Path) -> None:
    with workers_in(tmp_path) as make:
        one, other = make("one", handler=HANDLER), make("other", handler=HANDLER.replace("float64", "float16"))
        found = [(module.DTYPE, module.KIND) for module in (one.load(), other.load())]
    assert found == [("torch.float64", "Kept"), ("torch.float16", "Kept")]
    assert torch.ones(1).dtype is torch.float32
    with pytest.raises(Exception, match="weights_only"):
        torch.load(tmp_path / "one" / "kept.pt")
