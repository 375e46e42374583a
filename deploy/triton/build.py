"""Makes the example repository: a Python model, an ONNX model, and the ensemble of both. Needs the package onnx."""

import argparse
import shutil
from pathlib import Path

import onnx
from onnx import TensorProto, helper

MODELS = Path(__file__).with_name("models")
WEIGHTS = (1.2, -1.4, -2.5, 1.8)
"""Of a logistic regression: monthly, yearly, months, charges."""
BIAS = -0.4


def build(folder: Path) -> None:
    """Write the repository to a folder, in place of an older one."""
    shutil.copytree(MODELS, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    onnx.save(churn_predictor(), folder / "churn_predictor" / "1" / "model.onnx")


def churn_predictor() -> onnx.ModelProto:
    """FEATURES [batch, 4] to the PROBABILITY [batch, 1] that a customer leaves."""
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["FEATURES", "weights", "bias"], ["logits"]),
            helper.make_node("Sigmoid", ["logits"], ["PROBABILITY"]),
        ],
        "churn_predictor",
        [helper.make_tensor_value_info("FEATURES", TensorProto.FLOAT, ["batch", len(WEIGHTS)])],
        [helper.make_tensor_value_info("PROBABILITY", TensorProto.FLOAT, ["batch", 1])],
        [
            helper.make_tensor("weights", TensorProto.FLOAT, [len(WEIGHTS), 1], WEIGHTS),
            helper.make_tensor("bias", TensorProto.FLOAT, [1], [BIAS]),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the repository to make")
    build(parser.parse_args().folder)
