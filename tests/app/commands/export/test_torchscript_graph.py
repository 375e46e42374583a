"""Traced models become modules that torch.export can trace, and compute the same."""

import pytest
import torch

from app.commands.export.torchscript_graph import TorchScriptGraph, UnsupportedGraph


class Net(torch.nn.Module):
    """A convolution, sizes that follow the batch, and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.convolve = torch.nn.Conv1d(3, 4, 3, padding=1)
        self.norm = torch.nn.BatchNorm1d(4)
        self.decide = torch.nn.Linear(20, 2)

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = torch.relu(self.norm(self.convolve(rows)))
        flat = hidden.unflatten(-1, (5, -1)).reshape(hidden.size(0) * 1, -1)
        return self.decide(flat), flat.mean(dim=1)


class Branching(torch.nn.Module):
    """A model whose way depends on its input."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        if bool(rows.sum() > 0):
            return rows + 1
        return rows


def test_it_computes_what_the_script_computes_for_any_batch() -> None:
    script = torch.jit.trace(Net().eval(), torch.randn(2, 3, 5))
    graph = TorchScriptGraph(script)
    sizes = {0: torch.export.Dim("batch", min=1, max=64)}
    program = torch.export.export(graph, (torch.randn(2, 3, 5),), dynamic_shapes=((sizes,),)).module()
    rows = torch.randn(7, 3, 5)
    for found, wanted in zip(program(rows), script(rows), strict=True):
        assert torch.allclose(found, wanted, atol=1e-6)
    assert graph.parameter_names == ["rows"]


def test_branches_are_refused() -> None:
    with pytest.raises(UnsupportedGraph, match="control flow"):
        TorchScriptGraph(torch.jit.script(Branching().eval()))
