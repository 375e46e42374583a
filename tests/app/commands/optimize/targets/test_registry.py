"""Each target has a name, and either can be built of a model or says why not."""

import pytest

from app.commands.optimize.targets.registry import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_a_compiled_model_is_taken_by_no_target(name: str) -> None:
    assert TARGETS[name].reason("compiled")


def test_onnx_can_always_be_tried() -> None:
    assert not TARGETS["onnx"].reason("TorchScript")
    assert not TARGETS["onnx-int8"].reason("ONNX")
