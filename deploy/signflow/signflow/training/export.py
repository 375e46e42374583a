"""Writes a trained model as TorchScript or ONNX: python -m signflow.training.export transformer.onnx"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from signflow.archive import read_labels
from signflow.archive.features import FEATURES, FRAMES

from .model import MODELS, WEIGHTS, load
from .synthetic import make_signs, make_windows

TOLERANCE = 1e-4
"""The largest difference of the exported model's logits from the original's."""


def main(argv: list[str] | None = None) -> None:
    """Export files named after their models, such as transformer.pt or gcn.onnx, and check what they compute."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help=f"{' or '.join(MODELS)}, with .pt or .onnx")
    torch.set_num_threads(1)
    for file in parser.parse_args(argv).files:
        model = load(file.stem, len(read_labels()), WEIGHTS / f"{file.stem}.npz")
        export(model, file)
        windows, _ = make_windows(make_signs(len(read_labels())), 2, seed=3)
        gap = difference(model, file, windows)
        if gap > TOLERANCE:
            raise SystemExit(f"{file} computes something else: logits differ by {gap:.1e}")
        print(f"{file}: {file.stat().st_size / 1024:.0f} KiB; logits differ by {gap:.1e} at most")


def export(model: nn.Module, file: Path) -> None:
    """Write the model for batches of any size, as the file's ending says: .pt or .onnx."""
    # Two rows, since the number 1 would be taken for a constant.
    example = torch.zeros(2, FRAMES, FEATURES)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # both ways are old ones, but the new ones are not read by older servers
        if file.suffix == ".onnx":
            batch = {0: "batch"}
            torch.onnx.export(
                model, (example,), file, dynamo=False, opset_version=17,
                input_names=["window"], output_names=["logits"], dynamic_axes={"window": batch, "logits": batch},
            )  # fmt: skip
        else:
            torch.jit.trace(model, example, check_trace=False).save(str(file))


def difference(model: nn.Module, file: Path, windows: np.ndarray) -> float:
    """The largest difference between the logits of the model and those of its exported file."""
    with torch.inference_mode():
        wanted = model(torch.from_numpy(windows)).numpy()
    return float(np.abs(run(file, windows) - wanted).max())


def run(file: Path, windows: np.ndarray) -> np.ndarray:
    """Logits [n, signs] as an exported model computes them."""
    if file.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        return session.run(None, {"window": windows})[0]
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        return torch.jit.load(str(file))(torch.from_numpy(windows)).numpy()


if __name__ == "__main__":
    main()
