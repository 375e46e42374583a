"""An archive with a small classifier, samples for it, and its recording."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from app.commands.optimize.agreement import Limits
from app.commands.optimize.loaded_archive import load_archive
from app.commands.optimize.recording import Recording
from app.commands.optimize.targets.target import BuildContext
from app.commands.sample_requests import Sample, file_sample
from tests.conftest import MakeArchive

HANDLER = """
import json
import torch
from ts.torch_handler.base_handler import BaseHandler

class Classifier(BaseHandler):
    def preprocess(self, data):
        return torch.tensor([json.loads(bytes(row["body"])) if isinstance(row["body"], (bytes, bytearray))
                             else row["body"] for row in data], dtype=torch.float32)

    def postprocess(self, data):
        return [{"class": int(row.argmax()), "score": round(float(row.max()), 3)} for row in data]
"""
FEATURES = 8


def classifier() -> torch.nn.Module:
    """Three layers with seeded weights."""
    torch.manual_seed(7)
    layers = torch.nn.Linear(FEATURES, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4)
    return torch.nn.Sequential(*layers).eval()


def torchscript(module: torch.nn.Module, file: Path) -> bytes:
    """The module as torch.jit.save writes it."""
    torch.jit.trace(module, torch.zeros(2, FEATURES)).save(str(file))
    return file.read_bytes()


@pytest.fixture
def sample_files(tmp_path: Path) -> list[Path]:
    """Four bodies of requests."""
    folder = tmp_path / "samples"
    folder.mkdir()
    rows = torch.randn(4, FEATURES, generator=torch.Generator().manual_seed(1)).tolist()
    for place, row in enumerate(rows):
        (folder / f"{place}.json").write_text(json.dumps(row))
    return sorted(folder.iterdir())


@pytest.fixture
def samples(sample_files: list[Path]) -> list[Sample]:
    """The requests of the files."""
    return [file_sample(file) for file in sample_files]


@pytest.fixture
def classifier_archive(archive: MakeArchive, tmp_path: Path) -> Path:
    """A TorchScript classifier behind a handler that inherits from BaseHandler."""
    model = torchscript(classifier(), tmp_path / "net.pt")
    return archive("net", HANDLER, {"net.pt": model}, serializedFile="net.pt")


@pytest.fixture
def record(samples: list[Sample]) -> Callable[[Path], Recording]:
    """Loads an archive and records it."""

    def record(path: Path) -> Recording:
        with load_archive(path, lambda line: None) as loaded:
            return loaded.record(samples, 16)

    return record


ONNX_HANDLER = HANDLER.replace(
    "    def postprocess",
    """    def inference(self, data):
        return torch.from_numpy(self.model.run(None, {"rows": data.numpy()})[0])

    def postprocess""",
)


def onnx_file(module: torch.nn.Module, file: Path) -> bytes:
    """The module in ONNX, for batches of any size."""
    names = {"rows": {0: "batch"}, "logits": {0: "batch"}}
    script = torch.jit.trace(module, torch.zeros(2, FEATURES))
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            script, (torch.zeros(2, FEATURES),), str(file), dynamo=False, opset_version=17,
            input_names=["rows"], output_names=["logits"], dynamic_axes=names,
        )  # fmt: skip
    return file.read_bytes()


@pytest.fixture
def onnx_archive(archive: MakeArchive, tmp_path: Path) -> Path:
    """The same classifier in ONNX, whose handler runs the session."""
    model = onnx_file(classifier(), tmp_path / "net.onnx")
    return archive("net_onnx", ONNX_HANDLER, {"net.onnx": model}, serializedFile="net.onnx")


@pytest.fixture
def context(tmp_path: Path, record: Callable[[Path], Recording]) -> Callable[[Path, str], BuildContext]:
    """Makes the context of a build of an archive."""

    def make(path: Path, kind: str) -> BuildContext:
        for name in ("target", "shared"):
            (tmp_path / name).mkdir(exist_ok=True)
        return BuildContext(path, record(path), kind, tmp_path / "target", tmp_path / "shared", Limits(), 60)

    return make
