"""Bare models answer numbers in JSON."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from model_registry.archive.implicit.bare_model_handler import BareModel
from model_registry.archive.implicit.manifest import make_archive_folder

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


def onnx_file(folder: Path, outputs: int = 1) -> Path:
    """A model that doubles its input "x", and gives it back as it is where it has two outputs."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node("Add", ["x", "x"], ["twice"]), helper.make_node("Identity", ["x"], ["once"])][:outputs]
    shape = ["n", 2]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(name, kind, shape) for name in ("twice", "once")[:outputs]],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    return folder / "net.onnx"


def loaded(file: Path, folder: Path) -> BareModel:
    make_archive_folder(file, folder)
    manifest = json.loads((folder / "MAR-INF/MANIFEST.json").read_text())
    handler = BareModel()
    handler.initialize(SimpleNamespace(system_properties={"model_dir": str(folder), "gpu_id": None}, manifest=manifest))
    return handler


def answers(handler: BareModel, *bodies: Any) -> list[Any]:
    return handler.handle([{"body": body} for body in bodies], None)


def test_requests_of_one_shape_are_one_batch(tmp_path: Path) -> None:
    handler = loaded(onnx_file(tmp_path), tmp_path / "m")
    sizes = []
    run = handler.run
    handler.run = lambda arrays: sizes.append(len(arrays["x"])) or run(arrays)
    assert answers(handler, [1, 2], {"x": [3, 4]}) == [[2.0, 4.0], [6.0, 8.0]]
    assert sizes == [2]


def test_several_outputs_are_an_object(tmp_path: Path) -> None:
    handler = loaded(onnx_file(tmp_path, outputs=2), tmp_path / "m")
    assert answers(handler, [1, 2]) == [{"twice": [2.0, 4.0], "once": [1.0, 2.0]}]


def test_a_wrong_input_is_named(tmp_path: Path) -> None:
    handler = loaded(onnx_file(tmp_path), tmp_path / "m")
    with pytest.raises(ValueError, match="the model has the inputs x; the request has y"):
        answers(handler, {"y": [1, 2]})


def test_torchscript_takes_requests_of_any_shape(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    class Twice(torch.nn.Module):
        def forward(self, x):
            return 2 * x

    torch.jit.script(Twice()).save(tmp_path / "net.pt")
    handler = loaded(tmp_path / "net.pt", tmp_path / "m")
    assert answers(handler, [1, 2], [3]) == [[2.0, 4.0], [6.0]]
    assert handler.types == {"x": np.dtype("float32")}
