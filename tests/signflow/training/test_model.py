"""SignFlow's models: what the committed weights know, training, and exports that compute the same."""

from pathlib import Path

import numpy as np
import pytest

from signflow.archive import FOLDER, read_labels
from signflow.training.synthetic import make_signs, make_windows

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")

from signflow.training import export, train  # noqa: E402  # they import torch
from signflow.training.model import BONES, MODELS, WEIGHTS, load, save, skeleton  # noqa: E402


@pytest.fixture(scope="module")
def fresh() -> tuple[np.ndarray, np.ndarray]:
    """Performances that no training has seen, and their signs' numbers."""
    return make_windows(make_signs(len(read_labels())), 5, seed=20_000)


@pytest.fixture(params=list(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    """The name of each model."""
    return str(request.param)


def committed(name: str) -> "torch.nn.Module":
    """A model with the weights that come along."""
    return load(name, len(read_labels()), WEIGHTS / f"{name}.npz")


def test_the_committed_weights_recognise_fresh_performances(name: str, fresh: tuple[np.ndarray, np.ndarray]) -> None:
    """Chance is 5 %."""
    assert train.accuracy(committed(name), *fresh) > 0.9


def test_the_committed_onnx_file_holds_the_committed_weights(fresh: tuple[np.ndarray, np.ndarray]) -> None:
    assert export.difference(committed("transformer"), FOLDER / "transformer.onnx", fresh[0]) < 1e-4


@pytest.mark.parametrize("ending", [".pt", ".onnx"])
def test_exports_compute_the_same_for_batches_of_any_size(
    name: str, ending: str, tmp_path: Path, fresh: tuple[np.ndarray, np.ndarray]
) -> None:
    file, model = tmp_path / f"{name}{ending}", committed(name)
    export.export(model, file)
    for rows in (1, 2, 7):
        assert export.difference(model, file, fresh[0][:rows]) < 1e-4


def test_the_command_exports_and_tells_the_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export.main([str(tmp_path / "transformer.onnx")])
    assert (tmp_path / "transformer.onnx").is_file()
    assert "logits differ by" in capsys.readouterr().out


def test_an_export_that_computes_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "TOLERANCE", -1)
    with pytest.raises(SystemExit, match="computes something else"):
        export.main([str(tmp_path / "transformer.onnx")])


@pytest.mark.long
def test_training_learns(name: str) -> None:
    signs = make_signs(6)[::2]
    lines: list[str] = []
    model = train.train(name, make_windows(signs, 24, seed=1), 8, lines.append)
    assert train.accuracy(model, *make_windows(signs, 10, seed=2)) > 0.6  # chance is a third
    assert len(lines) == 8
    assert lines[0].startswith("epoch 1 of 8: loss ")


def test_the_training_command_writes_weights_that_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train.main(["transformer", "--epochs", "1", "--each", "1", "--output", str(tmp_path / "weights.npz")])
    model = load("transformer", len(read_labels()), tmp_path / "weights.npz")
    assert model(torch.zeros(1, 64, 469)).shape == (1, 20)
    assert "of fresh performances are recognised; chance is 5.0%" in capsys.readouterr().out


def test_weights_are_saved_without_code_and_read_back(name: str, tmp_path: Path) -> None:
    model = committed(name)
    save(model, tmp_path / "weights.npz")
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == set(model.state_dict())
    window = torch.randn(1, 64, 469)
    assert torch.equal(load(name, 20, tmp_path / "weights.npz")(window), model(window))


def test_the_skeleton_is_symmetric_and_all_of_a_hand_hangs_together() -> None:
    near = skeleton()
    assert torch.equal(near, near.T)
    reached = torch.linalg.matrix_power(near, 8)[57, :42]  # from the left wrist of the pose
    assert (reached[:21] > 0).all()
    assert all(0 <= one < 75 and 0 <= other < 75 for one, other in BONES)
    assert len(set(map(frozenset, BONES))) == len(BONES)
