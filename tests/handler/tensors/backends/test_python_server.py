"""The server as models call it, on their own threads and no others."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import triton_python_backend_utils as pb_utils
from triton_python_backend_utils import server as shim

from handler.tensors.backends.python_server import ModelSide
from handler.tensors.errors import TensorError
from tests.support.tensor_models import INT32, signature, spec_of

ONE = signature({"X": (INT32, [1])}, {"Y": (INT32, [1])})


def refuse(*arguments: Any, **options: Any) -> None:
    raise TensorError("no such model")


def side_of(folder: Path, lines: list[tuple[str, str]], **calls: Callable[..., Any]) -> ModelSide:
    spec = spec_of(folder, ONE, calls=SimpleNamespace(**calls))
    return ModelSide(spec, lambda stream, line: lines.append((stream, line)))


def test_only_the_threads_of_a_model_find_the_server(tmp_path: Path) -> None:
    lines: list[tuple[str, str]] = []
    found: list[object] = []
    side = side_of(tmp_path, lines, is_ready=lambda name, version: (name, version) == ("m", "1"))

    def run() -> None:
        side.enter()
        side.enter()
        pb_utils.Logger.log_info("loaded")
        pb_utils.Logger.log_warn("careful")
        pb_utils.Logger.log_verbose("much")
        found.extend([shim.is_model_ready("m", 1), shim.is_model_ready("n"), shim.current().model_dir()])

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert lines == [("stdout", "loaded"), ("stderr", "careful")]
    assert found == [True, False, str(tmp_path / "1")]
    with pytest.raises(shim.NoServer):
        shim.current()


@pytest.mark.parametrize("call", ["load_model", "unload_model", "is_model_ready"])
def test_errors_of_the_server_are_those_of_the_backend(tmp_path: Path, call: str) -> None:
    side = side_of(tmp_path, [], load=refuse, unload=refuse, is_ready=refuse)
    arguments = {"load_model": ("m", "", {}), "unload_model": ("m", False), "is_model_ready": ("m", "x")}[call]
    with pytest.raises(pb_utils.TritonModelException, match="no such model"):
        getattr(side, call)(*arguments)
