"""ONNX in float: exported or taken from the archive, checked, and stored with its graph optimised; fp16 of that."""

from pathlib import Path
from typing import Any

from app.commands.export.onnx_check import check_file
from app.commands.export.onnx_exporter import ExportFailed, Signature, export_onnx
from app.commands.optimize.loaded_archive import load_archive
from app.commands.optimize.recording import UnsupportedModel
from app.commands.optimize.targets.dimensions import dynamic_dimensions, example_call, fixed_lengths
from app.commands.optimize.targets.target import BuildContext, Built, LeftOut

LAYOUT_OPERATORS = frozenset({"Conv", "ConvTranspose", "MaxPool"})
"""ONNX Runtime lays them out for the processor when it loads a model; that is not stored."""


def build_onnx(context: BuildContext) -> Built:
    """The model in float32."""
    file, notes = float_model(context)
    return stored(context, file, notes)


def build_fp16(context: BuildContext) -> Built:
    """The model in float16, with inputs and outputs as they were."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    file, notes = float_model(context)
    half = convert_float_to_float16(onnx.load(file), keep_io_types=True)
    onnx.save(half, context.folder / "half.onnx")
    return stored(context, context.folder / "half.onnx", notes)


def float_model(context: BuildContext) -> tuple[Path, list[str]]:
    """The model as it is exported, and notes about it; made once for all targets. Raises LeftOut."""
    file, notes_file = context.shared / "float.onnx", context.shared / "float.txt"
    if not notes_file.exists():
        notes = _from_archive(context, file) if context.kind == "ONNX" else _exported(context, file)
        notes_file.write_text("\n".join(notes))
    return file, notes_file.read_text().splitlines()


def _from_archive(context: BuildContext, file: Path) -> list[str]:
    import onnx

    with load_archive(context.archive, lambda line: None) as loaded:
        source = onnx_file(loaded.archive.folder, loaded.archive.manifest.serialized_file)
        onnx.save(onnx.load(source), file)
    return [f"from {source.name} of the archive"]


def onnx_file(folder: Path, serialized: str | None) -> Path:
    """The ONNX model of an archive; raises LeftOut where that is not clear."""
    found = [folder / serialized] if serialized and serialized.endswith(".onnx") else sorted(folder.glob("*.onnx"))
    if len(found) != 1 or not found[0].is_file():
        raise LeftOut("it is not clear which file of the archive holds the ONNX model")
    return found[0]


def _exported(context: BuildContext, file: Path) -> list[str]:
    recording = context.recording
    try:
        dynamic = dynamic_dimensions(recording.calls)
        with load_archive(context.archive, lambda line: None) as loaded:
            (live,) = loaded.models()
            args, kwargs = _arguments(recording)
            signature = _signature(recording, dynamic)
            exported = export_onnx(live.value, args, signature, file, kwargs)
        graph = check_file(file)
    except (ExportFailed, UnsupportedModel) as error:
        raise LeftOut(f"it cannot be exported: {error}") from error
    return [f"exported by the {exported.exporter} exporter, {graph}", *fixed_lengths(recording.calls, dynamic)]


def _arguments(recording: Any) -> tuple[list[Any], dict[str, Any]]:
    """The tensors of the example, those without names first."""
    import torch

    if recording.constants:
        raise UnsupportedModel(f"its model is given more than tensors: {', '.join(recording.constants)}")
    call = example_call(recording.calls)
    tensors = {name: torch.from_numpy(array) for name, array in call.inputs.items()}
    positional = list(tensors)[: recording.positional]
    return [tensors[name] for name in positional], {
        name: tensor for name, tensor in tensors.items() if name not in positional
    }


def _signature(recording: Any, dynamic: dict[str, dict[int, str]]) -> Signature:
    call = example_call(recording.calls)
    outputs = [f"output_{place}" if place else "output" for place in range(len(call.outputs))]
    return Signature(list(call.inputs), outputs, dynamic)


def stored(context: BuildContext, file: Path, notes: list[str], **options: Any) -> Built:
    """The file with its optimised graph stored, and how it is loaded without optimising it again."""
    import onnx
    import onnxruntime

    target = context.folder / "model.onnx"
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    settings.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
    operators = {node.op_type for node in onnx.load(target, load_external_data=False).graph.node}
    level = "ORT_ENABLE_ALL" if operators & LAYOUT_OPERATORS else "ORT_DISABLE_ALL"
    names = list(context.recording.calls[0].inputs)
    return Built(
        "onnx", {"model.onnx": str(target)},
        {"inputs": names, "structure": context.recording.structure, "graph_optimization_level": level, **options},
        {"onnx": {"session": {"graph_optimization_level": level}, **options}}, notes,
    )  # fmt: skip
