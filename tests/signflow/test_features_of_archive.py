"""Number and making of the features come with the archive: one of a team's own, with 493 features made by its `app`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper
import pytest

from app.commands.archive import main as archive
from signflow.archive import FOLDER
from signflow.archive.features import landmarks
from tests.support.serving import serving
from tests.support.signflow_processes import SIGNFLOW

FEATURES = """
from landmark_features import *
from app.ml.feature_engineering import ENRICHED_FEATURE_DIM as FEATURES, compute_windows as make_windows

def make_window(points):
    return make_windows([points])[0]
"""
FEATURE_ENGINEERING = """
import numpy as np
from landmark_features import make_windows

FACE = 12
ENRICHED_FEATURE_DIM = 469 + 2 * FACE

def compute_windows(performances):
    windows = make_windows(performances)
    return np.concatenate([windows, np.full((*windows.shape[:2], 2 * FACE), 0.5, np.float32)], axis=2)
"""
FRAMES: list[dict[str, Any]] = json.loads((FOLDER / "example.json").read_text())["frames"]


def write_model(file: Path, features: int) -> None:
    """The mean over the frames, through one layer to twenty signs."""
    make = onnx.helper
    weights = np.random.default_rng(1).normal(0, 1, (features, 20)).astype(np.float32)
    graph = make.make_graph(
        [
            make.make_node("ReduceMean", ["window"], ["mean"], axes=[1], keepdims=0),
            make.make_node("MatMul", ["mean", "weights"], ["logits"]),
        ],
        "signs",
        [make.make_tensor_value_info("window", onnx.TensorProto.FLOAT, ["batch", 64, features])],
        [make.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["batch", 20])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    opset = [make.make_opsetid("", 13)]
    onnx.save(make.make_model(graph, opset_imports=opset, ir_version=8), file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of a team's archive; `team/app/ml` is part of its backend."""
    folder = tmp_path / "archive"
    (folder / "team" / "app" / "ml").mkdir(parents=True)
    for name in ("onnx_handler.py", "preprocessing.py", "postprocessing.py", "index_to_name.json", "model-config.yaml"):
        shutil.copy(FOLDER / name, folder)
    shutil.copy(FOLDER / "features.py", folder / "landmark_features.py")
    (folder / "features.py").write_text(FEATURES)
    for package in ("app", "app/ml"):
        (folder / "team" / package / "__init__.py").touch()
    (folder / "team" / "app" / "ml" / "feature_engineering.py").write_text(FEATURE_ENGINEERING)
    write_model(folder / "transformer.onnx", 493)
    return folder


def pack(folder: Path, store: Path) -> None:
    """As a team packs it; the folder `team` goes in with all that lies in it."""
    modules = ("features.py", "landmark_features.py", "preprocessing.py", "postprocessing.py")
    arguments = {
        "model-name": "sign", "version": "1.0", "export-path": store, "config-file": folder / "model-config.yaml",
        "handler": folder / "onnx_handler.py", "serialized-file": folder / "transformer.onnx",
        "extra-files": ",".join(str(folder / name) for name in (*modules, "index_to_name.json", "team")),
    }  # fmt: skip
    assert archive([word for name, value in arguments.items() for word in (f"--{name}", str(value))]) == 0


@pytest.mark.anyio
async def test_an_archive_with_493_features_made_by_its_own_app_is_served(folder: Path, store: Path) -> None:
    pack(folder, store)
    window = np.zeros((64, 493), "<f4")
    async with serving(store, "sign.mar") as client:
        by_frames = await client.predict("sign", {"frames": FRAMES})
        by_bytes = await client.http.post("/predictions/sign", content=window.tobytes())
        refused = await client.http.post("/predictions/sign", content=window[:, :469].tobytes())
    assert [by_frames.status_code, by_bytes.status_code] == [200, 200]
    assert by_frames.json()["alternatives"]
    assert (refused.status_code, refused.json()["message"]) == (
        400, "the window has the shape (64, 469), not (64, 493)",
    )  # fmt: skip


@pytest.mark.anyio
async def test_a_model_for_other_features_does_not_load_and_the_error_names_both_numbers(
    folder: Path, store: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_model(folder / "transformer.onnx", 469)
    pack(folder, store)
    async with serving(store) as client:
        refused = await client.register("sign.mar", initial_workers=1, synchronous="true")
    assert refused.status_code == 500
    assert "takes windows of 64 x 469, but features.py makes windows of 64 x 493" in capfd.readouterr().out


def test_the_backend_makes_its_windows_as_the_archive_does(folder: Path) -> None:
    """A process of its own, in which `app` is the team's."""
    program = """
import json, numpy as np
from signflow.archive.features import FEATURES, landmarks, make_window
from signflow.local_pipeline import LocalPipeline
points = landmarks(json.load(open("example.json"))["frames"])
local = LocalPipeline()
print(FEATURES, make_window(points).shape, local.translate(make_window(points))[0])
try:
    local.translate(np.zeros((64, 469), np.float32))
except Exception as error:
    print(error)
"""
    (folder / "example.json").write_text(json.dumps({"frames": FRAMES}))
    path = os.pathsep.join(map(str, (SIGNFLOW, folder, folder / "team")))
    environ = os.environ | {"SIGNFLOW_ARCHIVE": str(folder), "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first, error = done.stdout.split("\n", 1)
    assert first.startswith("493 (64, 493) ")
    assert "469" in error
    assert "493" in error
    assert landmarks(FRAMES).shape == (len(FRAMES), 75, 3)
