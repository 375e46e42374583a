"""Manifests for sources that have none: a folder with a handler, a handler's file, or a bare model."""

import ast
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model_registry.archive.manifest import FIRST_VERSION, MANIFEST_FILE
from model_registry.archive.naming import ARCHIVE_SUFFIXES, default_name
from model_registry.errors import NoManifest

BARE_MODEL_SUFFIXES = (".onnx", ".pt", ".pth")
_MODEL_SUFFIXES = (*BARE_MODEL_SUFFIXES, ".pt2", ".bin", ".safetensors", ".ckpt")
HANDLER_FILE = "handler.py"
_NO_HANDLERS = ("test_", "conftest.", "setup.", "__")
_BARE_HANDLER = Path(__file__).with_name("bare_model_handler.py")


def implicit_manifest(folder: Path, handler: str | None = None) -> dict[str, Any]:
    """The manifest of a folder that has none: its one handler, its one model file and the usual names of others.

    `handler` names the file of the handler instead. Raises NoManifest.
    """
    handler = handler or _find_handler(folder)
    model: dict[str, str] = {
        "modelName": default_name(folder.resolve().name),
        "handler": handler,
        "modelVersion": FIRST_VERSION,
    }
    if serialized := _find_model(folder):
        model["serializedFile"] = serialized
        is_eager = (
            (folder / "model.py").is_file() and handler != "model.py" and not _is_torchscript(folder / serialized)
        )
        model |= {"modelFile": "model.py"} if is_eager else {}
    usual = {"configFile": "model-config.yaml", "requirementsFile": "requirements.txt"}
    model |= {key: name for key, name in usual.items() if (folder / name).is_file()}
    return {"runtime": "python", "model": model}


def needs_manifest(source: Path) -> bool:
    """Whether an existing file or folder is no archive with a manifest, or one that is to be unpacked."""
    return not (source / MANIFEST_FILE).is_file() if source.is_dir() else not source.name.endswith(ARCHIVE_SUFFIXES)


def make_archive_folder(source: Path, target: Path) -> Path:
    """Make an archive's folder of links to a folder without a manifest, to that of a handler's file, or to a model.

    Returns that folder; raises NoManifest or OSError.
    """
    if source.suffix in BARE_MODEL_SUFFIXES:
        links = {source.name: source, HANDLER_FILE: _BARE_HANDLER}
        manifest = implicit_manifest_of_model(source)
    else:
        folder, handler = (source, None) if source.is_dir() else (source.parent, source.name)
        links = dict(_visible_files(folder))
        manifest = implicit_manifest(folder, handler)
        if handler:
            manifest["model"]["modelName"] = default_name(source.stem)
    for name, file in links.items():
        link = target / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file.absolute())
    (target / MANIFEST_FILE).parent.mkdir(parents=True, exist_ok=True)
    (target / MANIFEST_FILE).write_text(json.dumps(manifest), encoding="utf-8")
    return target


def is_bare_onnx(folder: Path, serialized: str | None) -> bool:
    """Whether an archive's folder was made of an ONNX model alone."""
    handler = folder / HANDLER_FILE
    is_bare = handler.is_symlink() and handler.readlink() == _BARE_HANDLER.absolute()
    return is_bare and str(serialized).endswith(".onnx")


def implicit_manifest_of_model(file: Path) -> dict[str, Any]:
    """The manifest of a bare model; raises NoManifest for a file of weights without their code."""
    if file.suffix != ".onnx" and not _is_torchscript(file):
        raise NoManifest(
            f"{file.name} is no TorchScript: weights need the code of their model; put them into a folder with a "
            "handler.py and a model.py, or save the model with torch.jit.save"
        )
    model = {"modelName": default_name(file.stem), "handler": HANDLER_FILE, "modelVersion": FIRST_VERSION}
    return {"runtime": "python", "model": {**model, "serializedFile": file.name}}


def _find_handler(folder: Path) -> str:
    if (folder / HANDLER_FILE).is_file():
        return HANDLER_FILE
    candidates = [file.name for file in sorted(folder.glob("*.py")) if not file.name.startswith(_NO_HANDLERS)]
    handlers = [name for name in candidates if _looks_like_handler(folder / name)]
    if len(handlers) == 1:
        return handlers[0]
    found = f"{', '.join(handlers)} look like handlers" if handlers else "no file looks like a handler"
    raise NoManifest(f"{folder} has no {MANIFEST_FILE}, and {found}; call the handler's file handler.py")


def _looks_like_handler(file: Path) -> bool:
    """Whether a module defines `handle`, a class with it, or a class that inherits from a handler."""
    try:
        body = ast.parse(file.read_bytes()).body
    except (SyntaxError, ValueError):
        return False
    for node in body:
        if isinstance(node, ast.ClassDef):
            inherits = any(
                ast.unparse(base).endswith(("Handler", "Classifier", "Detector", "Segmenter")) for base in node.bases
            )
            if inherits or any(isinstance(each, ast.FunctionDef) and each.name == "handle" for each in node.body):
                return True
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "handle":
            return True
    return False


def _find_model(folder: Path) -> str | None:
    """The one model file of a folder, or of several the one called "model"."""
    files = [file for file in sorted(folder.iterdir()) if file.suffix in _MODEL_SUFFIXES and file.is_file()]
    named = [file for file in files if file.stem == "model"]
    chosen = files if len(files) == 1 else named
    return chosen[0].name if len(chosen) == 1 else None


def _is_torchscript(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _visible_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files below a folder by relative name, without hidden ones and Python's caches."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        for name in names:
            if not name.startswith("."):
                yield Path(place, name).relative_to(folder).as_posix(), Path(place, name)
