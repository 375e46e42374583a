"""Models are loaded from bare files of any kind."""

from pathlib import Path

import pytest
import torch

from app.commands.export.bare_model import InvalidModelFile, is_torchscript, load_module

MODEL = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 3)
        self.register_buffer("scale", torch.full((1,), 2.0), persistent=False)

    def forward(self, rows):
        return self.layer(rows) * self.scale
"""


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    (tmp_path / "net_of_weights.py").write_text(MODEL)
    torch.save(torch.nn.ModuleDict({"layer": torch.nn.Linear(2, 3)}).state_dict(), tmp_path / "net.pt")
    return tmp_path / "net.pt"


def test_weights_and_the_file_of_their_class(weights: Path) -> None:
    module = load_module(weights, weights.with_name("net_of_weights.py"))
    rows = torch.ones(1, 2)
    state = torch.load(weights, weights_only=True)
    assert torch.equal(module(rows), 2 * torch.nn.functional.linear(rows, state["layer.weight"], state["layer.bias"]))


def test_weights_alone_name_the_option(weights: Path) -> None:
    with pytest.raises(InvalidModelFile, match="--model-file"):
        load_module(weights)


def test_weights_of_another_model(weights: Path) -> None:
    torch.save({"other": torch.zeros(1)}, weights)
    with pytest.raises(InvalidModelFile, match="does not fit Net"):
        load_module(weights, weights.with_name("net_of_weights.py"))


def test_torchscript(tmp_path: Path) -> None:
    torch.jit.trace(torch.nn.Linear(2, 3), torch.zeros(1, 2)).save(str(tmp_path / "net.pt"))
    assert is_torchscript(tmp_path / "net.pt")
    assert load_module(tmp_path / "net.pt")(torch.zeros(1, 2)).shape == (1, 3)


def test_a_whole_model(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 3), tmp_path / "net.pth")
    assert not load_module(tmp_path / "net.pth").training


@pytest.mark.parametrize(("content", "reason"), [(None, "no such file"), (b"text", "no file of a model")])
def test_what_is_no_model(tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "net.pt").write_bytes(content)
    with pytest.raises(InvalidModelFile, match=reason):
        load_module(tmp_path / "net.pt")
