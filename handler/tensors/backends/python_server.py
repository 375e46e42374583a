"""The server as `triton_python_backend_utils` reaches it from the threads of a model."""

from collections.abc import Callable, Mapping
from typing import Any

import triton_python_backend_utils as pb_utils
from triton_python_backend_utils import server as shim

from handler.isolation import thread_inheritance
from handler.isolation.process.output_capture import WriteLine
from handler.isolation.thread_inheritance import InheritedValue
from handler.tensors.backends.python_requests import of_request, of_response
from handler.tensors.errors import TensorError
from handler.tensors.requests import TensorResponse
from handler.tensors.spec import TensorServiceSpec

STREAMS = {pb_utils.Logger.INFO: "stdout", pb_utils.Logger.WARNING: "stderr", pb_utils.Logger.ERROR: "stderr"}
"""The streams of the worker's log by the levels of lines; verbose ones are dropped."""


class ModelSide:
    """The server's side of one instance of a model."""

    def __init__(self, spec: TensorServiceSpec, write_line: WriteLine) -> None:
        self._spec = spec
        self._write_line = write_line

    def __repr__(self) -> str:
        return f"<ModelSide of {self._spec.model_name} {self._spec.version}>"

    def enter(self) -> None:
        """Make the calling thread, and those that it starts, the model's."""
        shim.find = _find
        if MODEL_SIDE.get() is not self:
            thread_inheritance.add_value(MODEL_SIDE, self)

    def infer(self, request: Any, decoupled: bool, on_response: Callable[[Any, bool], object]) -> None:
        """Ask a model; responses come to the function, on some thread."""

        def respond(response: TensorResponse, is_final: bool) -> None:
            on_response(of_response(response), is_final)

        version = int(request.model_version())
        self._spec.calls.infer(request.model_name(), version, of_request(request), respond, decoupled=decoupled)

    def log(self, message: str, level: int) -> None:
        """Write a line of the model to its worker's log."""
        if level in STREAMS:
            self._write_line(STREAMS[level], message)

    def load_model(self, name: str, config: str, files: Mapping[str, bytes]) -> None:
        """Load a model; raises TritonModelException."""
        try:
            self._spec.calls.load(name, config, files)
        except TensorError as error:
            raise pb_utils.TritonModelException(error.message) from error

    def unload_model(self, name: str, unload_dependents: bool) -> None:
        """Unload a model; raises TritonModelException."""
        try:
            self._spec.calls.unload(name, unload_dependents=unload_dependents)
        except TensorError as error:
            raise pb_utils.TritonModelException(error.message) from error

    def is_model_ready(self, name: str, version: str) -> bool:
        """Whether a version serves; raises TritonModelException for a version that is no number."""
        try:
            return self._spec.calls.is_ready(name, version)
        except TensorError as error:
            raise pb_utils.TritonModelException(error.message) from error

    def model_dir(self) -> str:
        """The folder of the model's version."""
        return str(self._spec.folder)


MODEL_SIDE: InheritedValue[ModelSide] = InheritedValue()


def _find() -> ModelSide:
    side = MODEL_SIDE.get()
    if side is None:
        raise shim.NoServer
    return side
