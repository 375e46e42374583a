"""Backends that folders ask for, or are recognized by."""

import pytest

from model_registry.triton.config.backends import complete_backend
from model_registry.triton.config.config_forms import InvalidConfig, config_of_text


@pytest.mark.parametrize(("text", "files", "completed"), [
    ("", ["model.onnx"], ("onnxruntime", "onnxruntime_onnx", "model.onnx")),
    ("", ["model.pt", "model.py"], ("pytorch", "pytorch_libtorch", "model.pt")),
    ("", ["model.pt2"], ("pytorch", "pytorch_libtorch", "model.pt2")),
    ('platform: "pytorch_libtorch"', ["model.pt2"], ("pytorch", "pytorch_libtorch", "model.pt2")),
    ('backend: "pytorch"', ["model.pt2", "model.pt"], ("pytorch", "pytorch_libtorch", "model.pt")),
    ("", ["model.py", "weights.bin"], ("python", "", "model.py")),
    ("", ["model.graphdef"], ("tensorflow", "tensorflow_graphdef", "model.graphdef")),
    ('platform: "onnxruntime_onnx"', ["model.py"], ("onnxruntime", "onnxruntime_onnx", "model.onnx")),
    ('backend: "pytorch"', [], ("pytorch", "pytorch_libtorch", "model.pt")),
    ('backend: "python" default_model_filename: "serve.py"', [], ("python", "", "serve.py")),
    ('backend: "own"', ["model.onnx"], ("own", "", "model.own")),
    ('name: "a.own"', [], ("own", "", "model.own")),
    ('platform: "odd" backend: "python"', ["model.py"], ("python", "odd", "model.py")),
    ('platform: "ensemble"', [], ("", "ensemble", "")),
])  # fmt: skip
def test_what_is_left_out_is_filled_in(text: str, files: list[str], completed: tuple[str, str, str]) -> None:
    config = config_of_text(text)
    complete_backend(config, files)
    assert (config.backend, config.platform, config.default_model_filename) == completed


@pytest.mark.parametrize(("text", "words"), [
    ('name: "plain"', "Could not determine backend for model 'plain'"),
    ('name: "m" platform: "odd"', "unexpected platform type 'odd' for m"),
])  # fmt: skip
def test_a_folder_that_is_no_model_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidConfig, match=words):
        complete_backend(config_of_text(text), [])
