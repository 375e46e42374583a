"""One small linear layer in each format; its numbers are exact in binary, so every runtime gives the same answer."""

import io

import onnx
import torch
from onnx import TensorProto, helper

WEIGHTS = [[1.0, 2.0, 3.0], [0.5, -1.0, 0.25]]
BIAS = [0.5, -0.5]


def weights() -> bytes:
    """A state dict of a module whose one part is called `layer`."""
    file = io.BytesIO()
    torch.save({"layer.weight": torch.tensor(WEIGHTS), "layer.bias": torch.tensor(BIAS)}, file)
    return file.getvalue()


def torchscript() -> bytes:
    """The layer as a traced module."""
    layer = torch.nn.Linear(3, 2)
    layer.load_state_dict({"weight": torch.tensor(WEIGHTS), "bias": torch.tensor(BIAS)})
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(layer, torch.zeros(1, 3)), file)
    return file.getvalue()


def onnx_model() -> bytes:
    """The layer as an ONNX graph that takes any number of rows."""
    kind = TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["rows", "weights", "bias"], ["answers"], transB=1)],
        "layer",
        [helper.make_tensor_value_info("rows", kind, ["n", 3])],
        [helper.make_tensor_value_info("answers", kind, ["n", 2])],
        [
            helper.make_tensor("weights", kind, [2, 3], [number for row in WEIGHTS for number in row]),
            helper.make_tensor("bias", kind, [2], BIAS),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
