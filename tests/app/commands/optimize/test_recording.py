"""Recordings survive being saved, and structures of outputs are known again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from app.commands.optimize.recording import (
    Answer,
    ModelCall,
    Recorder,
    Recording,
    RecordingModel,
    UnsupportedModel,
    flatten,
)


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    call = ModelCall(2, {"x": np.ones((2, 3))}, [np.zeros(2)], True)
    Recording([call], [Answer(200, b"{}", True)], "tuple:1", 1, mode="inference_mode").save(tmp_path / "r.npz")
    read = Recording.load(tmp_path / "r.npz")
    assert read.answers == [Answer(200, b"{}", True)]
    assert (read.structure, read.positional, read.calls[0].rows) == ("tuple:1", 1, 2)
    assert read.mode == "inference_mode"
    assert np.array_equal(read.calls[0].inputs["x"], call.inputs["x"])


def test_calls_are_recorded_and_replaced_by_neighbours() -> None:
    recorder = Recorder()
    model = RecordingModel(torch.nn.Identity(), ["x"], recorder)
    model(torch.ones(1, 2))
    assert not recorder.calls  # not yet active
    recorder.is_active = True
    plain = model(torch.ones(1, 2))
    recorder.seed = 4
    changed = model(torch.ones(1, 2) * torch.tensor([1.0, 5.0]))
    assert torch.equal(plain, torch.ones(1, 2))
    assert not torch.equal(changed, torch.tensor([[1.0, 5.0]]))
    assert [call.is_neighbour for call in recorder.calls] == [False, True]


@pytest.mark.parametrize("mode", ["inference_mode", "no_grad", "enable_grad"])
def test_the_gradient_mode_of_the_handler_is_recorded(mode: str) -> None:
    recorder = Recorder()
    recorder.is_active = True
    with getattr(torch, mode)():
        RecordingModel(torch.nn.Identity(), ["x"], recorder)(torch.ones(1))
    assert recorder.mode == mode


@pytest.mark.parametrize(
    ("output", "structure"),
    [
        (torch.ones(1), "tensor"),
        ((torch.ones(1), torch.ones(2)), "tuple:2"),
        ([torch.ones(1)], "list:1"),
        ({"logits": torch.ones(1), "hidden": torch.ones(2)}, "dict:logits,hidden"),
    ],
)
def test_structures_of_outputs(output: object, structure: str) -> None:
    assert flatten(output)[0] == structure


def test_an_output_of_something_else() -> None:
    with pytest.raises(UnsupportedModel, match="more than tensors"):
        flatten((torch.ones(1), None))
