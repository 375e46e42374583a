"""TorchScript models, and `.pt2` files (exported programs, packages of AOTInductor): one module for each instance.

The conventions by which tensors find their places, and the words of errors, are those of Triton's pytorch backend.
"""

import re
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from handler.devices.device import Device
from handler.tensors.datatypes import BYTES
from handler.tensors.errors import Code, TensorError
from handler.tensors.signature import Signature
from handler.tensors.tensor import Array

INDEXED = re.compile(r".*__(\d+)")
"""A name that says its place: "INPUT__0"."""
EXPORTED = ".pt2"
COMPILED = "/data/aotinductor/"
"""The folder of a `.pt2` file that AOTInductor has compiled."""
THREADS = "INTRA_OP_THREAD_COUNT"


class TorchScriptModel:
    """One module on one device; computes on the thread that calls."""

    def __init__(
        self, module: Any, arguments: Sequence[str], signature: Signature, device: str, parameters: Mapping[str, str]
    ) -> None:
        import torch

        self._torch = torch
        self._module = module
        self._signature = signature
        self._device = device
        self._takes_dict = _takes_dict(module)
        self._inputs = list(signature.inputs) if self._takes_dict else input_order(signature, arguments)
        self._places = {name: _place(name, index) for index, name in enumerate(signature.outputs)}
        self._is_inference = _is_on(parameters, "INFERENCE_MODE", default=True)
        self._is_optimized = not _is_on(parameters, "DISABLE_OPTIMIZED_EXECUTION", default=False)
        if THREADS in parameters:
            torch.set_num_threads(max(1, int(parameters[THREADS])))

    def __repr__(self) -> str:
        return f"<TorchScriptModel {self._signature.model} on {self._device}>"

    @classmethod
    def load(
        cls, path: Path, signature: Signature, device: Device, parameters: Mapping[str, str]
    ) -> "TorchScriptModel":
        """Load the file and compare the configuration with it; raises TensorError."""
        if not signature.inputs or not signature.outputs:
            kind = "output" if signature.inputs else "input"
            raise TensorError(f"model configuration must contain at least one {kind}, none were specified.")
        try:
            module, arguments = _exported(path) if path.suffix == EXPORTED else _scripted(path, device.torch_name)
        except Exception as error:
            raise TensorError(f"failed to load model '{signature.model}': {error}", Code.INTERNAL) from error
        return cls(module, arguments, signature, device.torch_name, parameters)

    def compute(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """The outputs of those names; raises TensorError."""
        given = {name: self._value(name, inputs[name]) for name in self._inputs if name in inputs}
        try:
            with self._mode(), self._torch.jit.optimized_execution(self._is_optimized):
                result = self._module(given) if self._takes_dict else self._module(*given.values())
        except Exception as error:
            raise TensorError(f"PyTorch execute failure: {error}", Code.INTERNAL, is_late=True) from error
        return {name: self._array(name, self._found(result, name)) for name in outputs}

    def close(self) -> None:
        """Forget the module."""
        self._module = None

    def _mode(self) -> AbstractContextManager[Any]:
        mode: AbstractContextManager[Any] = self._torch.inference_mode(self._is_inference)
        return mode

    def _value(self, name: str, array: Array) -> Any:
        if self._signature.inputs[name].datatype is BYTES:
            return [element.decode() for element in array.reshape(-1)]
        # torch tensors can be written to, which what a client sent, or others may still read, must not be
        own = array if array.flags.writeable else array.copy()
        return self._torch.from_numpy(own).to(self._device)

    def _found(self, result: Any, name: str) -> Any:
        if isinstance(result, dict):
            return result.get(name)
        is_one = not isinstance(result, list | tuple) or (result and isinstance(result[0], str))
        results = (result,) if is_one else result
        place = self._places[name]
        return results[place] if place < len(results) else None

    def _array(self, name: str, value: Any) -> Array:
        spec = self._signature.outputs[name]
        if isinstance(value, list) and spec.datatype is BYTES:
            strings = np.empty(len(value), object)
            strings[:] = [text.encode() for text in value]
            return strings
        if not isinstance(value, self._torch.Tensor):
            raise TensorError(f"the model gives no tensor for output '{name}'", Code.INTERNAL, is_late=True)
        array: Array = value.detach().cpu().numpy()
        if array.dtype != spec.datatype.dtype:
            raise TensorError(
                f"configuration expects datatype {spec.datatype.config_name} for output '{name}', model provides "
                f"TYPE_{_name_of(array.dtype)}",
                is_late=True,
            )
        return array


def input_order(signature: Signature, arguments: Sequence[str]) -> list[str]:
    """The names of the inputs in the order of the arguments of `forward`; raises TensorError.

    By the arguments' names where every input bears one, else by the index that every name ends in, else as configured.
    """
    names = list(signature.inputs)
    if len(names) != len(arguments):
        raise TensorError(
            f"unable to load model '{signature.model}', configuration expects {len(names)} inputs, model provides "
            f"{len(arguments)}"
        )
    if set(names) == set(arguments):
        return list(arguments)
    if all(INDEXED.fullmatch(name) for name in names):
        return sorted(names, key=lambda name: _place(name, 0))
    return names


def _place(name: str, index: int) -> int:
    found = INDEXED.fullmatch(name)
    return int(found[1]) if found else index


def _scripted(path: Path, device: str) -> tuple[Any, Sequence[str]]:
    import torch

    module = torch.jit.load(str(path), map_location=device).eval()
    return module, [argument.name for argument in module.forward.schema.arguments[1:]]


def _exported(path: Path) -> tuple[Any, Sequence[str]]:
    import torch

    if _is_compiled(path):
        return _compiled(path)
    program = torch.export.load(str(path))
    return program.module(), program.graph_signature.user_inputs


def _compiled(path: Path) -> tuple[Any, Sequence[str]]:
    """A package of AOTInductor, whose arguments have names only where they are passed by them."""
    import torch
    from torch.utils import _pytree as pytree

    model = torch._inductor.aoti_load_package(str(path))  # noqa: SLF001 (torch documents it so)
    given, _ = model.loader.get_call_spec()
    return model, [str(index) for index in range(pytree.treespec_loads(given).num_leaves)]


def _is_compiled(path: Path) -> bool:
    with zipfile.ZipFile(path) as package:
        return any(COMPILED in name for name in package.namelist())


def _takes_dict(module: Any) -> bool:
    schema = getattr(getattr(module, "forward", None), "schema", None)
    arguments: Sequence[Any] = schema.arguments[1:] if schema is not None else ()
    return len(arguments) == 1 and str(arguments[0].type).startswith(("Dict(str, Tensor", "Dict[str, Tensor"))


def _is_on(parameters: Mapping[str, str], key: str, *, default: bool) -> bool:
    value = parameters.get(key, "").lower()
    return value in ("true", "1", "on") if value else default


def _name_of(dtype: np.dtype[Any]) -> str:
    names = {"f": "FP", "i": "INT", "u": "UINT", "b": "BOOL"}
    return names.get(dtype.kind, dtype.name) + ("" if dtype.kind == "b" else str(8 * dtype.itemsize))
