"""Exports a torch module as ONNX: by torch's dynamo exporter where that can, else by the one for TorchScript."""

import importlib.util
import inspect
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TORCHSCRIPT_OPSET = 17
MAX_REASON_CHARACTERS = 300
LARGE_MODEL_BYTES = 1 << 30


class ExportFailed(Exception):
    """No exporter can write the model; the text has the reason of each."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The names of inputs and outputs, and of their dimensions that may change: {"window": {0: "batch"}}."""

    inputs: Sequence[str]
    outputs: Sequence[str]
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exported:
    """The exporter that wrote the file, and the reasons why those before it could not."""

    exporter: str
    notes: tuple[str, ...] = ()


def export_onnx(
    module: Any, args: Sequence[Any], signature: Signature, file: Path, kwargs: Mapping[str, Any] | None = None
) -> Exported:
    """Write the module for inputs like `args`; raises ExportFailed."""
    notes: list[str] = []
    exporters = {"dynamo": _export_dynamo, "TorchScript": _export_torchscript}
    for name, export in exporters.items():
        if reason := _unable(name):
            notes.append(f"{name}: {reason}")
            continue
        try:
            with _quiet():
                export(module, tuple(args), dict(kwargs or {}), signature, file)
        except Exception as error:
            notes.append(f"{name}: {short_reason(error)}")
        else:
            return Exported(name, tuple(notes))
    raise ExportFailed("; ".join(notes))


def short_reason(error: BaseException) -> str:
    """The kind of an error and the first of its lines that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("RuntimeError: ")]  # TorchScript's own tracebacks
    if causes:
        return causes[-1][:MAX_REASON_CHARACTERS]
    text = next((line for line in lines if not line.startswith(("Failed to", "#", "=", "- "))), "".join(lines[:1]))
    return f"{type(error).__name__}: {text}"[:MAX_REASON_CHARACTERS]


def _unable(exporter: str) -> str:
    if exporter == "dynamo" and importlib.util.find_spec("onnxscript") is None:
        return "the package onnxscript is not installed (pip install 'marserve[optimize]')"
    return ""


def traceable(module: Any) -> Any:
    """The module as torch.export can trace it: TorchScript becomes a module of Python. Raises UnsupportedGraph."""
    import torch

    if not isinstance(module, torch.jit.ScriptModule):
        return module
    from app.commands.export.torchscript_graph import TorchScriptGraph

    return TorchScriptGraph(module)


def _export_dynamo(
    module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], signature: Signature, file: Path
) -> None:
    import torch

    module = traceable(module)
    shapes = [dict(signature.dynamic.get(name, {})) or None for name in signature.inputs]
    dynamic = (*shapes[: len(args)],)
    named = dict(zip(kwargs, shapes[len(args) :], strict=True))
    program = torch.onnx.export(
        module, args, kwargs=kwargs or None, dynamo=True, verbose=False,
        input_names=list(signature.inputs), output_names=list(signature.outputs),
        dynamic_shapes=_by_parameter(module, dynamic, named) if any(shapes) else None,
    )  # fmt: skip
    program.save(str(file), external_data=_is_large(module))


def _by_parameter(module: Any, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    """A tuple where all inputs are positional; by the names of the parameters where some are not."""
    parameters = inspect.signature(module.forward).parameters
    if not named:
        kinds = {each.kind for each in parameters.values()}
        return (positional,) if inspect.Parameter.VAR_POSITIONAL in kinds else positional
    names = list(parameters)
    return {**dict(zip(names, positional, strict=False)), **named}


def _export_torchscript(
    module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], signature: Signature, file: Path
) -> None:
    import torch

    with torch.no_grad():
        torch.onnx.export(
            module, args, str(file), kwargs=kwargs or None, dynamo=False, opset_version=TORCHSCRIPT_OPSET,
            input_names=list(signature.inputs), output_names=list(signature.outputs),
            dynamic_axes={name: dict(dimensions) for name, dimensions in signature.dynamic.items()},
        )  # fmt: skip


def _is_large(module: Any) -> bool:
    """Whether the weights might exceed what one protobuf may hold, 2 GiB."""
    return bool(sum(each.numel() * each.element_size() for each in module.parameters()) > LARGE_MODEL_BYTES)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' warnings and progress to themselves."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
