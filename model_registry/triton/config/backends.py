"""The backends that a model folder may ask for, and how a folder without a word of it is recognized.

The rules are those of `AutoCompleteBackendFields` in Triton's core.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from model_registry.triton.config.config_forms import InvalidConfig

ENSEMBLE = "ensemble"
"""The platform of models that have no backend: they wire others together."""


class Backend(NamedTuple):
    """The name of a backend, the older name of what it runs, and the file that it looks for in a version's folder."""

    name: str
    platform: str
    file: str


ONNX = Backend("onnxruntime", "onnxruntime_onnx", "model.onnx")
PYTORCH = Backend("pytorch", "pytorch_libtorch", "model.pt")
EXPORTED = Backend("pytorch", "pytorch_libtorch", "model.pt2")
"""Programs of torch.export, and packages of AOTInductor: Triton does not look for them by itself."""
PYTHON = Backend("python", "", "model.py")
BACKENDS = (
    Backend("tensorflow", "tensorflow_savedmodel", "model.savedmodel"),
    Backend("tensorflow", "tensorflow_graphdef", "model.graphdef"),
    Backend("tensorrt", "tensorrt_plan", "model.plan"),
    ONNX,
    Backend("openvino", "", "model.xml"),
    PYTORCH,
    PYTHON,
    EXPORTED,
)
"""Every backend that Triton knows by a file's name, in the order in which it looks."""
SERVED = {backend.name: backend for backend in (ONNX, PYTORCH, PYTHON)}
"""The backends that this server has."""


def complete_backend(config: Any, files: Collection[str]) -> None:
    """Fill in backend, platform and file name from what the configuration says and which files the versions have.

    Raises InvalidConfig where nothing says which backend it is.
    """
    if config.platform == ENSEMBLE:
        return
    backend = _backend_of(config, files)
    if backend is not None:
        config.backend = backend.name
        config.platform = config.platform or backend.platform
        config.default_model_filename = config.default_model_filename or backend.file
    elif not config.backend:
        config.backend = _named_backend(config)
    if not config.default_model_filename:
        config.default_model_filename = f"model.{config.backend}"


def _backend_of(config: Any, files: Collection[str]) -> Backend | None:
    """The backend by its name, its platform, or a file of its own; None for one that Triton does not know either."""
    if config.backend:
        return _with_file([backend for backend in BACKENDS if backend.name == config.backend], files)
    if config.platform:
        return _with_file([backend for backend in BACKENDS if backend.platform == config.platform], files)
    return next((backend for backend in BACKENDS if backend.file in files), None)


def _with_file(backends: Sequence[Backend], files: Collection[str]) -> Backend | None:
    """The one whose file is there, else the first."""
    return next((backend for backend in backends if backend.file in files), backends[0] if backends else None)


def _named_backend(config: Any) -> str:
    """The backend that a model's name ends in: "x.custom"."""
    if config.platform:
        raise InvalidConfig(f"unexpected platform type '{config.platform}' for {config.name}")
    _, dot, backend = str(config.name).rpartition(".")
    if not dot or not backend:
        raise InvalidConfig(
            f"Invalid model name: Could not determine backend for model '{config.name}' with no backend in model "
            "configuration. Expected model name of the form 'model.<backend_name>'."
        )
    return backend
