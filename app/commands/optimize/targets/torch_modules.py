"""Torch's own targets: bfloat16, channels_last, int8 weights, torch.compile with its cache, AOTInductor's packages."""

import importlib.util
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.commands.export.onnx_exporter import short_reason, traceable
from app.commands.optimize.loaded_archive import load_archive
from app.commands.optimize.recording import Recording
from app.commands.optimize.targets.dimensions import dynamic_dimensions, example_call, fixed_lengths
from app.commands.optimize.targets.onnx_int8 import quiet
from app.commands.optimize.targets.target import BuildContext, Built, LeftOut

MAX_DYNAMIC_SIZE = 4096
IMAGE_DIMENSIONS = 4
MAX_EXAMPLES = 2
"""The most shapes for which a compiled model is called when it loads."""


def needs_module(kind: str) -> str:
    """Why a target of eager modules cannot be."""
    return "" if kind == "module" else f"it needs an eager module, and the archive holds {kind}"


def needs_compiler(kind: str) -> str:
    """Why inductor cannot be."""
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        return "inductor needs a C++ compiler (g++), and there is none"
    return needs_torch(kind)


def needs_compiled_module(kind: str) -> str:
    """Why torch.compile cannot be, which does nothing for TorchScript."""
    return needs_compiler(kind) or needs_module(kind)


def needs_torch(kind: str) -> str:
    """Why a target of torch models cannot be."""
    return "" if kind in ("module", "TorchScript") else f"it needs a torch model, and the archive holds {kind}"


def needs_torchao(kind: str) -> str:
    """Why torchao cannot be."""
    if importlib.util.find_spec("torchao") is None:
        return "the package torchao is not installed (pip install 'marserve[optimize]')"
    return needs_module(kind)


def needs_bfloat16(kind: str) -> str:
    """Why autocast to bfloat16 does not pay."""
    flags = Path("/proc/cpuinfo")
    known = flags.read_text().partition("flags")[2].partition("\n")[0] if flags.exists() else ""
    if platform.machine() == "x86_64" and not {"amx_bf16", "avx512_bf16"} & set(known.split()):
        return "this processor has no instructions for bfloat16"
    return needs_torch(kind)


def build_autocast(context: BuildContext) -> Built:
    """The module under autocast to bfloat16."""
    return Built("autocast")


def build_channels_last(context: BuildContext) -> Built:
    """The module with channels_last images."""
    if not any(array.ndim == IMAGE_DIMENSIONS for array in context.recording.calls[0].inputs.values()):
        raise LeftOut("its inputs are no images (tensors of four dimensions)")
    return Built("channels_last")


def build_torchao(context: BuildContext, config: str, options: Mapping[str, Any]) -> Built:
    """Weights quantized by torchao when the model is loaded; nothing of it is stored."""
    import torchao.quantization

    if not hasattr(torchao.quantization, config):
        raise LeftOut(f"the installed torchao has no {config}")
    return Built("torchao", settings={"config": config, "options": dict(options)})


def build_compile(context: BuildContext) -> Built:
    """The module compiled by inductor; what it caches goes into the archive.

    Examples go with it, with which the model is called when it loads: what the cache lacks is compiled then.
    """
    import torch

    options = {"dynamic": True} if _is_dynamic(context.recording) else {}
    examples = _examples(context.recording)
    with load_archive(context.archive, lambda line: None) as loaded, quiet():
        (live,) = loaded.models()
        compiled = torch.compile(traceable(live.value), **options)
        with getattr(torch, context.recording.mode)():
            for args, named in examples:
                compiled(*args, **named)
    artifacts = torch.compiler.save_cache_artifacts()
    if artifacts is None:
        raise LeftOut("inductor has compiled nothing of it")
    cache = context.folder / "compile_cache.bin"
    cache.write_bytes(artifacts[0])
    torch.save(examples, context.folder / "compile_examples.pt")
    files = {file.name: str(file) for file in (cache, context.folder / "compile_examples.pt")}
    settings = {"cache": "compile_cache.bin", "examples": "compile_examples.pt", "mode": context.recording.mode}
    notes = [
        f"the cache is for torch {torch.__version__} on {platform.machine()}; elsewhere it compiles anew",
        "a C++ compiler is needed where it loads, and loading waits for it",
    ]
    return Built("compile", files, {**settings, "options": options}, notes=notes)


def build_pt2(context: BuildContext) -> Built:
    """AOTInductor's package."""
    import torch

    dynamic = dynamic_dimensions(context.recording.calls)
    package = context.folder / "model.pt2"
    with load_archive(context.archive, lambda line: None) as loaded, quiet(), torch.no_grad():
        (live,) = loaded.models()
        try:
            program = _exported(live.value, context.recording, dynamic)
            torch._inductor.aoti_compile_and_package(  # noqa: SLF001 (torch documents it so)
                program, package_path=str(package)
            )
        except Exception as error:
            raise LeftOut(f"torch.export or AOTInductor refuse it: {short_reason(error)}") from error
    return Built(
        "pt2", {"model.pt2": str(package)}, {"file": "model.pt2"},
        notes=[f"for torch {torch.__version__} on {platform.machine()} alone",
               *fixed_lengths(context.recording.calls, dynamic)],
    )  # fmt: skip


def _exported(module: Any, recording: Recording, dynamic: Mapping[str, Mapping[int, str]]) -> Any:
    import torch

    from app.commands.export.torchscript_graph import TorchScriptGraph

    args = tuple(torch.from_numpy(array) for array in example_call(recording.calls).inputs.values())
    module = traceable(module)
    names = {name for sizes in dynamic.values() for name in sizes.values()}
    sizes = {name: torch.export.Dim(name, min=1, max=MAX_DYNAMIC_SIZE) for name in names}
    shapes = tuple(
        {place: sizes[size] for place, size in dynamic.get(name, {}).items()} for name in recording.calls[0].inputs
    )
    variadic = isinstance(module, TorchScriptGraph)
    return torch.export.export(module, args, dynamic_shapes=((shapes,) if variadic else shapes) if names else None)


def _examples(recording: Recording) -> list[tuple[list[Any], dict[str, Any]]]:
    """Arguments of one call of each shape, as the handler gives them: without names, and by their names."""
    import torch

    found = {tuple(array.shape for array in call.inputs.values()): call for call in reversed(recording.calls)}
    examples = []
    for call in list(found.values())[-MAX_EXAMPLES:]:
        tensors = [(name, torch.from_numpy(array)) for name, array in call.inputs.items()]
        args = [tensor for _, tensor in tensors[: recording.positional]]
        examples.append((args, {**dict(tensors[recording.positional :]), **recording.constants}))
    return examples


def _is_dynamic(recording: Recording) -> bool:
    return bool(dynamic_dimensions(recording.calls))
