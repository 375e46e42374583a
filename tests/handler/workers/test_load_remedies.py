"""The usual reasons that a handler does not load have remedies."""

import tempfile

import pytest

from handler.workers.load_remedies import remedy_for


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (ModuleNotFoundError("No module named 'torch'"), "pip install 'marserve[torch]'"),
        (ModuleNotFoundError("No module named 'PIL.Image'"), "pip install 'marserve[vision]'"),
        (ModuleNotFoundError("No module named 'mine'"), "if mine is yours, archive it with --extra-files; otherwise"),
        (KeyError("serializedFile"), "the handler needs a model file: archive it with --serialized-file"),
        (RuntimeError("No model weights could be loaded"), "the handler needs a model file, .pt, .pth, .onnx"),
        (ImportError("x.so: failed to map segment from shared object"), f"{tempfile.gettempdir()} is mounted noexec"),
    ],
)  # fmt: skip
def test_a_usual_reason_has_a_remedy(error: Exception, remedy: str) -> None:
    assert remedy_for(error).startswith(remedy)


@pytest.mark.parametrize("error", [KeyError("features"), ValueError("No module named 'torch'")])
def test_any_other_reason_has_none(error: Exception) -> None:
    assert remedy_for(error) == ""
