"""ONNX models: one session of ONNX Runtime for each instance. torch is not needed, and not imported.

The rules of the configuration, and their words, are those of Triton's onnxruntime backend.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from handler.devices.device import Device
from handler.tensors.datatypes import BY_NAME, BYTES, Datatype
from handler.tensors.errors import Code, TensorError
from handler.tensors.signature import ANY, Signature, TensorSpec
from handler.tensors.tensor import Array, Shape

TYPES = {
    "bool": "BOOL", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64", "int8": "INT8",
    "int16": "INT16", "int32": "INT32", "int64": "INT64", "float16": "FP16", "float": "FP32", "double": "FP64",
    "string": "BYTES",
}  # fmt: skip
"""Data types by the names that ONNX Runtime has for their elements."""
ERROR = re.compile(r"\[ONNXRuntimeError\] : (?P<code>\d+) : \w+ : (?P<text>.*)", re.DOTALL)
SWITCHES = {"enable_mem_arena": "enable_cpu_mem_arena", "enable_mem_pattern": "enable_mem_pattern"}
"""Parameters that are switches of a session, with the names that those have in Python."""
THREADS = {"intra_op_thread_count": "intra_op_num_threads", "inter_op_thread_count": "inter_op_num_threads"}
ENTRIES = ("session.use_device_allocator_for_initializers", "optimization.minimal_build_optimizations")
"""Parameters that are settings of ONNX Runtime by its own names."""
BASIC, EXTENDED = -1, 1
"""Levels of graph optimization as configurations have them; any other means everything."""


class OnnxTensor(NamedTuple):
    """An input or output as the model itself describes it."""

    name: str
    datatype: Datatype | None
    """None for a type that there is no name for, as sequences and bfloat16."""
    shape: Shape
    """With `ANY` for symbolic sizes."""


class OnnxDescription(NamedTuple):
    """The inputs and outputs of a model file."""

    inputs: Sequence[OnnxTensor]
    outputs: Sequence[OnnxTensor]

    @classmethod
    def of_session(cls, session: Any) -> "OnnxDescription":
        """Describe the model of a session."""
        return cls(*([_described(each) for each in group] for group in (session.get_inputs(), session.get_outputs())))

    @classmethod
    def of_file(cls, path: Path) -> "OnnxDescription":
        """Describe the model of a file, whose graph is read as it is; raises TensorError."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        return cls.of_session(open_session(path, options, ["CPUExecutionProvider"]))


def _described(node: Any) -> OnnxTensor:
    found = re.fullmatch(r"tensor\((\w+)\)", node.type)
    name = TYPES.get(found[1]) if found else None
    shape = tuple(size if isinstance(size, int) and size >= 0 else ANY for size in node.shape)
    return OnnxTensor(node.name, BY_NAME[name] if name else None, shape)


class OnnxModel:
    """One session; computes on the thread that calls."""

    def __init__(self, session: Any, signature: Signature) -> None:
        self._session = session
        self._signature = signature
        self._strings = [spec.name for spec in signature.inputs.values() if spec.datatype is BYTES]

    def __repr__(self) -> str:
        return f"<OnnxModel {self._signature.model}>"

    @classmethod
    def load(
        cls, path: Path, signature: Signature, device: Device, parameters: Mapping[str, str], graph_level: int = 0
    ) -> "OnnxModel":
        """Make a session and compare the configuration with it; raises TensorError."""
        session = open_session(path, session_options(parameters, graph_level), device.onnx_providers())
        check_description(OnnxDescription.of_session(session), signature)
        return cls(session, signature)

    def compute(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """The outputs of those names; raises TensorError."""
        for name in self._strings:
            if name in inputs:
                inputs[name] = _texts(name, inputs[name])
        try:
            arrays = self._session.run(outputs, inputs)
        except Exception as error:
            raise onnx_error(error) from error
        specs = self._signature.outputs
        return {
            name: _strings(array) if specs[name].datatype is BYTES else array
            for name, array in zip(outputs, arrays, strict=True)
        }

    def close(self) -> None:
        """Forget the session."""
        self._session = None


def open_session(path: Path, options: Any, providers: Sequence[Any]) -> Any:
    """A session of the model file; a folder holds it with its external data. Raises TensorError."""
    import onnxruntime

    file = path / path.name if path.is_dir() else path
    try:
        return onnxruntime.InferenceSession(str(file), options, providers)
    except Exception as error:
        raise onnx_error(error) from error


def session_options(parameters: Mapping[str, str], graph_level: int = 0) -> Any:
    """The options of a session as a configuration words them; raises TensorError for a value that is none.

    Without a number of threads they are those of the worker.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    named = {BASIC: levels.ORT_ENABLE_BASIC, EXTENDED: levels.ORT_ENABLE_EXTENDED}
    options.graph_optimization_level = named.get(graph_level, levels.ORT_ENABLE_ALL)
    options.enable_mem_pattern = False  # batches come in all sizes: see `onnx_sessions`
    for key, value in parameters.items():
        if key in THREADS:
            setattr(options, THREADS[key], max(0, _number(key, value)))
        elif key in SWITCHES:
            setattr(options, SWITCHES[key], _number(key, value) != 0)
        elif key == "execution_mode":
            modes = onnxruntime.ExecutionMode
            options.execution_mode = modes.ORT_PARALLEL if _number(key, value) else modes.ORT_SEQUENTIAL
        elif key in ENTRIES:
            options.add_session_config_entry(key, value)
    return options


def check_description(model: OnnxDescription, signature: Signature) -> None:
    """Raise TensorError where a configuration does not fit its model."""
    if len(signature.inputs) != len(model.inputs):
        raise TensorError(
            f"unable to load model '{signature.model}', configuration expects {len(signature.inputs)} inputs, model "
            f"provides {len(model.inputs)}"
        )
    for kind, specs, tensors in (
        ("input", signature.inputs, model.inputs), ("output", signature.outputs, model.outputs)
    ):  # fmt: skip
        known = {tensor.name: tensor for tensor in tensors}
        for spec in specs.values():
            if spec.name not in known:
                raise TensorError(f"unexpected inference {kind} '{spec.name}', allowed {kind}s are: {', '.join(known)}")
            _check_tensor(signature, kind, spec, known[spec.name])


def _check_tensor(signature: Signature, kind: str, spec: TensorSpec, tensor: OnnxTensor) -> None:
    if tensor.datatype is not spec.datatype:
        provided = tensor.datatype.config_name if tensor.datatype else "TYPE_INVALID"
        raise TensorError(
            f"unable to load model '{signature.model}', configuration expects datatype {spec.datatype.config_name} for "
            f"{kind} '{spec.name}', model provides {provided}"
        )
    if spec.optional and signature.max_batch_size:
        raise TensorError(f"optional input '{spec.name}' of model '{signature.model}' cannot be batched")
    dims = spec.dims if spec.reshape is None else spec.reshape
    about = f"model '{signature.model}', tensor '{spec.name}'"
    if signature.max_batch_size and tensor.shape[:1] != (ANY,):
        raise TensorError(
            f"{about}: for the model to support batching the shape should have at least 1 dimension and the first "
            f"dimension must be -1; but shape expected by the model is {_written(tensor.shape)}"
        )
    configured = (ANY, *dims) if signature.max_batch_size else dims
    accepts = (ANY,) if kind == "input" else ()
    if len(configured) != len(tensor.shape) or any(
        own != size and own not in accepts for size, own in zip(configured, tensor.shape, strict=True)
    ):
        batch = "an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making "
        shown = (
            f"{batch}complete shape {_written(configured)}" if signature.max_batch_size else f"shape {_written(dims)}"
        )
        raise TensorError(
            f"{about}: the model expects {len(tensor.shape)} dimensions (shape {_written(tensor.shape)}) but the model "
            f"configuration specifies {len(configured)} dimensions ({shown})"
        )


def onnx_error(error: Exception) -> TensorError:
    """An error of ONNX Runtime in the words of Triton's backend."""
    found = ERROR.fullmatch(str(error))
    text = f"onnx runtime error {found['code']}: {found['text']}" if found else f"onnx runtime error 1: {error}"
    return TensorError(text, Code.INTERNAL, is_late=True)


def _number(key: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise TensorError(f"failed to parse the parameter '{key}': '{value}' is no integer") from None


def _texts(name: str, array: Array) -> Array:
    """Strings as ONNX Runtime takes them."""
    texts = np.empty(array.shape, object)
    try:
        texts.reshape(-1)[:] = [element.decode() for element in array.reshape(-1)]
    except UnicodeDecodeError as error:
        raise TensorError(f"a string of input '{name}' is not UTF-8: {error}", is_late=True) from error
    return texts


def _strings(array: Array) -> Array:
    """Strings as ONNX Runtime gives them, in bytes."""
    strings = np.empty(array.shape, object)
    strings.reshape(-1)[:] = [element.encode() for element in array.reshape(-1)]
    return strings


def _written(shape: Shape) -> str:
    return f"[{','.join(map(str, shape))}]"
