"""Torch's own targets say why they cannot be; those that can are built."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from app.commands.optimize.targets.target import BuildContext, LeftOut
from app.commands.optimize.targets.torch_modules import (
    build_channels_last,
    build_torchao,
    needs_bfloat16,
    needs_compiled_module,
    needs_torchao,
)

MakeContext = Callable[[Path, str], BuildContext]


def test_reasons() -> None:
    assert "needs a torch model" in needs_bfloat16("ONNX") or "no instructions" in needs_bfloat16("ONNX")
    assert needs_compiled_module("TorchScript")
    assert needs_torchao("TorchScript")


def test_rows_are_no_images(classifier_archive: Path, context: MakeContext) -> None:
    with pytest.raises(LeftOut, match="no images"):
        build_channels_last(context(classifier_archive, "TorchScript"))


@pytest.mark.skipif(importlib.util.find_spec("torchao") is None, reason="the extra optimize brings torchao")
def test_a_configuration_that_torchao_does_not_know(classifier_archive: Path, context: MakeContext) -> None:
    with pytest.raises(LeftOut, match="has no Int3"):
        build_torchao(context(classifier_archive, "module"), "Int3", {})
