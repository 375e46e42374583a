"""ONNX models: descriptions, configurations that do not fit, options and results."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from handler.devices.device import CPU
from handler.tensors.backends.onnx_model import OnnxDescription, OnnxModel, session_options
from handler.tensors.datatypes import BYTES
from handler.tensors.errors import Code, TensorError
from tests.support.tensor_models import FP32, INT32, signature, write_add_sub

OUT = {"SUM": (FP32, [4])}
BOTH = {"A": (FP32, [4]), "B": (FP32, [4])}


@pytest.fixture(name="model_file")
def _model_file(tmp_path: Path) -> Path:
    return write_add_sub(tmp_path / "model.onnx")


def test_a_file_is_described_without_its_configuration(model_file: Path) -> None:
    described = OnnxDescription.of_file(model_file)
    assert [(tensor.name, tensor.datatype, tensor.shape) for tensor in described.inputs] == [
        ("A", FP32, (-1, 4)), ("B", FP32, (-1, 4)),
    ]  # fmt: skip
    assert [tensor.name for tensor in described.outputs] == ["SUM", "DIFFERENCE"]


def test_outputs_that_are_not_asked_for_are_not_computed(model_file: Path) -> None:
    model = OnnxModel.load(model_file, signature(BOTH, OUT, 4), CPU, {})
    ones = np.ones((2, 4), np.float32)
    assert {name: array.tolist() for name, array in model.compute({"A": ones, "B": ones}, ["SUM"]).items()} == {
        "SUM": [[2] * 4] * 2
    }


@pytest.mark.parametrize(("inputs", "outputs", "batch", "words"), [
    ({"A": (FP32, [4])}, OUT, 4, "unable to load model 'm', configuration expects 1 inputs, model provides 2"),
    ({"A": (INT32, [4]), "B": (FP32, [4])}, OUT, 4, ("unable to load model 'm', configuration expects datatype "
     "TYPE_INT32 for input 'A', model provides TYPE_FP32")),
    ({"A": (FP32, [4]), "C": (FP32, [4])}, OUT, 4, "unexpected inference input 'C', allowed inputs are: A, B"),
    (BOTH, {"TOTAL": (FP32, [4])}, 4, "unexpected inference output 'TOTAL', allowed outputs are: SUM, DIFFERENCE"),
    ({"A": (FP32, [5]), "B": (FP32, [4])}, OUT, 4, ("model 'm', tensor 'A': the model expects 2 dimensions (shape "
     "[-1,4]) but the model configuration specifies 2 dimensions (an initial batch dimension because max_batch_size > 0"
     " followed by the explicit tensor shape, making complete shape [-1,5])")),
    (BOTH, OUT, 0, ("model 'm', tensor 'A': the model expects 2 dimensions (shape [-1,4]) but the model configuration "
     "specifies 1 dimensions (shape [4])")),
])  # fmt: skip
def test_a_configuration_has_to_fit(model_file: Path, inputs, outputs, batch: int, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TensorError) as caught:
        OnnxModel.load(model_file, signature(inputs, outputs, batch), CPU, {})
    assert caught.value.message == words
    assert caught.value.code is Code.INVALID_ARG


def test_a_model_of_fixed_shapes_does_not_batch(tmp_path: Path) -> None:
    path = write_add_sub(tmp_path / "model.onnx", batch=2)
    with pytest.raises(TensorError, match=r"first dimension must be -1; but shape expected by the model is \[2,4\]"):
        OnnxModel.load(path, signature(BOTH, OUT, 4), CPU, {})


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"this is not ONNX")
    with pytest.raises(TensorError, match=r"onnx runtime error 7: Load model from .* failed"):
        OnnxDescription.of_file(tmp_path / "model.onnx")


def test_an_error_of_a_run_is_the_models(model_file: Path) -> None:
    model = OnnxModel.load(model_file, signature(BOTH, OUT, 4), CPU, {})
    with pytest.raises(TensorError, match="onnx runtime error 2: ") as caught:
        model.compute({"A": np.ones((2, 4), np.float32), "B": np.ones((3, 3), np.float32)}, ["SUM"])
    assert (caught.value.code, caught.value.is_late) == (Code.INTERNAL, True)


def test_a_folder_holds_a_model_with_its_external_data(tmp_path: Path) -> None:
    write_add_sub(tmp_path / "model.onnx" / "model.onnx")
    assert len(OnnxDescription.of_file(tmp_path / "model.onnx").inputs) == 2


def test_strings_are_bytes_outside(tmp_path: Path) -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.STRING, ["batch", 1]) for name in "ST"]
    graph = helper.make_graph([helper.make_node("Identity", ["S"], ["T"])], "texts", values[:1], values[1:])
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    model = OnnxModel.load(path, signature({"S": (BYTES, [1])}, {"T": (BYTES, [1])}, 4), CPU, {})
    texts = np.array([["ü".encode()], [b"b"]], object)
    assert model.compute({"S": texts}, ["T"])["T"].tolist() == texts.tolist()
    with pytest.raises(TensorError, match="a string of input 'S' is not UTF-8"):
        model.compute({"S": np.array([[b"\xff"]], object)}, ["T"])


def test_options_are_worded_as_in_configurations() -> None:
    options = session_options(
        {"intra_op_thread_count": "2", "inter_op_thread_count": "-1", "execution_mode": "1", "enable_mem_arena": "0",
         "session.use_device_allocator_for_initializers": "1", "cudnn_conv_algo_search": "0"}, graph_level=1,
    )  # fmt: skip
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 0)
    assert options.execution_mode == onnxruntime.ExecutionMode.ORT_PARALLEL
    assert not options.enable_cpu_mem_arena
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with pytest.raises(TensorError, match="'many' is no integer"):
        session_options({"intra_op_thread_count": "many"})
