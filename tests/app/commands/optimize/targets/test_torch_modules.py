"""Torch's own targets say why they cannot be; those that can are built."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.commands.optimize.recording import ModelCall, Recording
from app.commands.optimize.targets import torch_modules
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


def test_examples_are_of_the_shapes_that_come_first_and_given_as_the_handler_gives_them() -> None:
    calls = [ModelCall(rows, {"x": np.full((rows, 2), rows), "y": np.ones(rows)}, [], False) for rows in (1, 1, 2, 3)]
    examples = torch_modules._examples(Recording(calls, positional=1, constants={"flag": True}))
    assert [args[0].shape[0] for args, _ in examples] == [2, 1]
    assert [sorted(named) for _, named in examples] == [["flag", "y"]] * 2


def test_rows_are_no_images(classifier_archive: Path, context: MakeContext) -> None:
    with pytest.raises(LeftOut, match="no images"):
        build_channels_last(context(classifier_archive, "TorchScript"))


@pytest.mark.skipif(importlib.util.find_spec("torchao") is None, reason="the extra optimize brings torchao")
def test_a_configuration_that_torchao_does_not_know(classifier_archive: Path, context: MakeContext) -> None:
    with pytest.raises(LeftOut, match="has no Int3"):
        build_torchao(context(classifier_archive, "module"), "Int3", {})
