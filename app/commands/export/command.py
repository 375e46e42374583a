"""`marserve export`: a bare model becomes ONNX, is checked, run in ONNX Runtime, and compared with the original."""

import argparse
import importlib.util
import inspect
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.commands.export.bare_model import InvalidModelFile, load_module
from app.commands.export.input_spec import DYNAMIC_SIZES, InputSpec, InvalidInput
from app.commands.export.onnx_check import OutputGap, WrongOutput, check_file, flat_outputs, open_onnx, output_gaps
from app.commands.export.onnx_exporter import Exported, ExportFailed, Signature, export_onnx, short_reason
from app.commands.parser import CommandParser

EXIT_OK, EXIT_DIFFERENT, EXIT_IMPOSSIBLE = 0, 1, 2
_EPILOG = """\
inputs:
  '1x64x469 float32'             sizes and type; the first size becomes the batch, of any size
  'batchxlengthx8 float32'       names (without an x) stand for sizes that may change
  'ids=1x128 int64 0..30521'     with the parameter's name, and the range of the integers to try it with
  An input for each parameter of the model, in their order.

models:
  TorchScript (.pt), a whole model that torch.save wrote (.pt, .pth; its classes are looked for beside it), an exported
  program (.pt2), or weights (.pt, .pth, .safetensors) with --model-file. Files that torch.save wrote can run any code.

examples:
  marserve export model.pt --input '1x64x469 float32' out.onnx
  marserve export weights.pth --model-file model.py --input '1x3x224x224 float32' out.onnx
  marserve export bert.pt --input 'ids=1xlength int64 0..999' --input 'mask=1xlength int64 1..1' bert.onnx

The file is written by torch's dynamo exporter, or, where that cannot or the package onnxscript is missing, by the one
for TorchScript; checked by onnx, run in ONNX Runtime with batches of several sizes, and compared. Exit status: 0 the
file computes the same, 1 it computes something else, 2 the model cannot be read, exported or run.
"""


class Impossible(Exception):
    """The model cannot be exported or run; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Example:
    """Inputs of the model, and its flat outputs."""

    inputs: Sequence[Any]
    outputs: Sequence[Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Export as the arguments say; returns the exit status."""
    arguments = make_parser().parse_args(argv)
    try:
        if importlib.util.find_spec("torch") is None or importlib.util.find_spec("onnx") is None:
            raise Impossible("torch and onnx are needed: pip install 'marserve[torch,optimize]'")
        specs = [InputSpec.parse(text, static=arguments.static) for text in arguments.input]
        module = load_module(arguments.model, arguments.model_file)
        report = _export(module, specs, arguments)
    except (InvalidInput, InvalidModelFile, Impossible) as error:
        if arguments.json:
            print(json.dumps({"ok": False, "error": str(error)}))
        else:
            print(f"marserve export: {error}", file=sys.stderr)
        return EXIT_IMPOSSIBLE
    print(json.dumps(report, indent=2) if arguments.json else "\n".join(_lines(report)))
    return EXIT_OK if report["ok"] else EXIT_DIFFERENT


def make_parser() -> argparse.ArgumentParser:
    """The options of `marserve export`."""
    parser = CommandParser(
        prog="marserve export",
        description="Exports a bare model as ONNX, checks and runs the file, and compares its outputs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", type=Path, help="the model's file")
    add("out", metavar="OUT.onnx", type=Path, help="the file to write")
    add("--input", metavar="SPEC", action="append", required=True, help="sizes and type of an input; may be repeated")
    add("--model-file", metavar="FILE", type=Path, help="Python file of the model's class, for weights alone")
    add("--static", action="store_true", help="keep the first size as it is, instead of batches of any size")
    add("--tolerance", metavar="X", type=float, default=1e-3, help="greatest difference relative to the largest output")
    add("--json", action="store_true", help="for machines: the report as one JSON object")
    return parser


def _export(module: Any, specs: Sequence[InputSpec], arguments: argparse.Namespace) -> dict[str, Any]:
    specs = [replace(spec, name=name) for spec, name in zip(specs, _names(module, specs), strict=True)]
    examples = list(_examples(module, specs))
    outputs = [f"output_{index}" if index else "output" for index in range(len(examples[0].outputs))]
    dynamic = {spec.name: spec.dynamic for spec in specs if spec.dynamic}
    signature = Signature([spec.name for spec in specs], outputs, dynamic)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        exported = export_onnx(module, _tensors(examples[0].inputs), signature, arguments.out)
        graph = check_file(arguments.out)
    except ExportFailed as error:
        raise Impossible(f"no exporter can write it: {error}") from error
    except Exception as error:
        raise Impossible(f"onnx finds fault with the file: {short_reason(error)}") from error
    gaps, problem = _compared(arguments.out, signature, examples)
    is_equal = not problem and all(gap.relative <= arguments.tolerance for gap in gaps)
    return _report(arguments, exported, graph, specs, gaps, problem, is_equal)


def _names(module: Any, specs: Sequence[InputSpec]) -> list[str]:
    """The names given, else those of the parameters of the model's function."""
    parameters = _parameters(module)
    found = [
        spec.name or (parameters[index] if index < len(parameters) else f"input_{index}")
        for index, spec in enumerate(specs)
    ]
    if len(set(found)) < len(found):
        raise Impossible(f"two inputs have the same name: {', '.join(found)}")
    return found


def _parameters(module: Any) -> list[str]:
    schema = getattr(getattr(module, "forward", None), "schema", None)
    if schema is not None:
        return [argument.name for argument in schema.arguments[1:]]
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(module.forward).parameters.values()
    return [each.name for each in parameters if each.kind not in kinds]


def _examples(module: Any, specs: Sequence[InputSpec]) -> Iterator[Example]:
    """An example for each of DYNAMIC_SIZES, one where nothing is dynamic. Raises Impossible."""
    import torch

    rng = np.random.default_rng(0)
    for size in DYNAMIC_SIZES if any(spec.dynamic for spec in specs) else DYNAMIC_SIZES[:1]:
        inputs = [spec.example(size, rng) for spec in specs]
        try:
            with torch.no_grad():
                yield Example(inputs, flat_outputs(module(*_tensors(inputs))))
        except Exception as error:
            shapes = ", ".join("x".join(map(str, array.shape)) for array in inputs)
            hint = "; --static keeps the sizes as they are" if any(spec.dynamic for spec in specs) else ""
            raise Impossible(f"the model does not take inputs of {shapes}{hint}: {short_reason(error)}") from error


def _tensors(arrays: Sequence[Any]) -> list[Any]:
    import torch

    return [torch.from_numpy(array) for array in arrays]


def _compared(file: Path, signature: Signature, examples: Sequence[Example]) -> tuple[list[OutputGap], str]:
    """The worst gap of each output over all examples, and what is wrong besides."""
    try:
        session = open_onnx(file)
        names = [each.name for each in session.get_inputs()]
        worst: dict[str, OutputGap] = {}
        for example in examples:
            feed = {name: array for name, array in zip(signature.inputs, example.inputs, strict=True) if name in names}
            for gap in output_gaps(signature.outputs, example.outputs, session.run(None, feed)):
                worst[gap.name] = max(gap, worst.get(gap.name, gap), key=lambda each: each.relative)
    except WrongOutput as error:
        return [], str(error)
    except Exception as error:
        raise Impossible(f"ONNX Runtime does not run {file}: {short_reason(error)}") from error
    return list(worst.values()), ""


def _report(
    arguments: argparse.Namespace, exported: Exported, graph: str, specs: Sequence[InputSpec],
    gaps: Sequence[OutputGap], problem: str, is_equal: bool,
) -> dict[str, Any]:  # fmt: skip
    return {
        "ok": is_equal, "file": str(arguments.out), "bytes": arguments.out.stat().st_size, "graph": graph,
        "exporter": exported.exporter, "notes": exported.notes,
        "inputs": [f"{spec.name} [{', '.join(map(str, spec.shape))}] {spec.dtype}" for spec in specs],
        "outputs": [asdict(gap) for gap in gaps], "tolerance": arguments.tolerance, "error": problem,
    }  # fmt: skip


def _lines(report: dict[str, Any]) -> Iterator[str]:
    yield f"exported     {report['file']}, {report['bytes']} bytes, by the {report['exporter']} exporter"
    yield from (f"note         {note}" for note in report["notes"])
    yield from (f"input        {line}" for line in report["inputs"])
    yield f"checked      {report['graph']}"
    for gap in report["outputs"]:
        figures = f"{gap['largest']:.2g} at most, {gap['mean']:.2g} in the mean, relative {gap['relative']:.2g}"
        yield f"compared     {gap['name']} differs by {figures}"
    if report["ok"]:
        yield "OK           ONNX Runtime computes the same"
    else:
        reason = report["error"] or f"it differs by more than {report['tolerance']:g}, relative to the largest output"
        yield f"FAILED       {reason}"
