"""Weights are mapped and become the model's own where they fit as they are."""

from pathlib import Path

import pytest
import torch
from ts.torch_handler.checkpoints import fits_as_it_is, load_checkpoint


def test_weights_are_the_same_however_they_are_read(tmp_path: Path) -> None:
    weights = torch.nn.Linear(3, 2).state_dict()
    torch.save(weights, tmp_path / "new.pt")
    torch.save(weights, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("new.pt", "old.pt"):
        loaded = load_checkpoint(str(tmp_path / name), torch.device("cpu"))
        assert torch.equal(loaded["weight"], weights["weight"])


def test_safetensors(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="the extra optimize brings it")
    safetensors.save_file(torch.nn.Linear(3, 2).state_dict(), tmp_path / "net.safetensors")
    assert load_checkpoint(str(tmp_path / "net.safetensors"), torch.device("cpu"))["weight"].shape == (2, 3)


def test_tensors_of_other_kinds_are_copied() -> None:
    model = torch.nn.Linear(3, 2)
    assert fits_as_it_is(model, torch.nn.Linear(3, 2).state_dict())
    assert not fits_as_it_is(model, torch.nn.Linear(3, 2).half().state_dict())
    assert not fits_as_it_is(model, {"other": torch.zeros(1)})
    assert not fits_as_it_is(model, {"weight": [1, 2]})
