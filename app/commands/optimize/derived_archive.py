"""Writes the archive of a target: the original's files, the optimised model, an adapter where one is needed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import yaml

from app.commands.optimize.targets.target import Built
from model_registry.archive.archive import Archive
from model_registry.archive.manifest import MANIFEST_FILE
from model_registry.archive.packer import pack

ADAPTER = Path(__file__).with_name("adapter")
PROVENANCE = "MAR-INF/optimization.json"
CONFIG_FILE = "model-config.yaml"
NO_ADAPTER, AT_ASSIGNMENT, AFTER_LOADING = "no adapter", "assignment", "after loading"
"""The ways to put the model into the handler, the simplest first."""


@dataclass(frozen=True, slots=True)
class HandlerSource:
    """The handler of the original: its module, its class or function, and the attributes that lead to its model."""

    module: str
    class_name: str
    function: str
    path: tuple[str, ...]
    kind: str
    is_base_handler: bool
    knows_onnx: bool
    """Whether its own code runs ONNX Runtime sessions."""

    def ways(self, built: Built) -> list[str]:
        """The ways to put a model into it that may work, the simplest first."""
        if self.kind == "ONNX":
            return [NO_ADAPTER]
        replaces_file = self.is_base_handler and self.path == ("model",) and built.kind in ("onnx", "pt2")
        ways = [NO_ADAPTER] if replaces_file and (built.kind == "pt2" or self.knows_onnx) else []
        if self.class_name and len(self.path) == 1 and self.is_base_handler:
            ways.append(AT_ASSIGNMENT)
        return [*ways, AFTER_LOADING]


@dataclass(frozen=True, slots=True)
class DerivedArchive:
    """The parts of an archive that is made of another."""

    kind: ClassVar[str] = "model"
    manifest_file: ClassVar[Path] = MANIFEST_FILE

    name: str
    content: Mapping[str, Path]
    raw_manifest: Mapping[str, Any]

    def manifest(self, created: datetime) -> dict[str, Any]:
        """The original's manifest with what has changed."""
        return {**self.raw_manifest, "createdOn": created.strftime("%d/%m/%Y %H:%M:%S")}

    def files(self) -> dict[str, Path]:
        """The files by their names in the archive."""
        return dict(self.content)


@dataclass(slots=True)
class ArchiveWriter:
    """Writes archives of one target, into a folder of its own; the original stays unpacked meanwhile."""

    archive: Archive
    handler: HandlerSource
    target: str
    work: Path
    notes: list[str] = field(default_factory=list)

    def write(self, built: Built, way: str, folder: Path, name: str, provenance: Mapping[str, Any]) -> Path:
        """Write NAME.mar, and return its path."""
        self.work.mkdir(parents=True, exist_ok=True)
        manifest = json.loads(json.dumps(self.archive.manifest.raw))
        model = manifest.setdefault("model", {})
        version = self.archive.manifest.version
        model["modelVersion"] = f"{version}-{self.target}"
        files = self._original_files()
        self.notes = self._replace(built, way, model, files)
        self._write_config(built, way, model, files)
        what = {"adapter": self.notes, **provenance}
        files[PROVENANCE] = self._file("optimization.json", json.dumps(what, indent=2))
        return pack(DerivedArchive(name, files, manifest), folder, force=True)

    def _original_files(self) -> dict[str, Path]:
        folder = self.archive.folder
        found = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
        return {
            name: file for name, file in found.items() if name != MANIFEST_FILE.as_posix() and "__pycache__" not in name
        }

    def _replace(self, built: Built, way: str, model: dict[str, Any], files: dict[str, Path]) -> list[str]:
        """Put the model's files in, and the adapter; returns what has been replaced, in words."""
        original = model.get("serializedFile")
        if self.handler.kind == "ONNX":
            name = original or next(name for name in files if name.endswith(".onnx"))
            files[name] = Path(built.files["model.onnx"])
            return [f"{name} has another content; the handler is unchanged"]
        files.update({name: Path(file) for name, file in built.files.items()})
        if way == NO_ADAPTER or (way == AT_ASSIGNMENT and built.kind in ("onnx", "pt2")):
            self._drop_original(model, files, next(iter(built.files)))
        if way == NO_ADAPTER:
            return [f"{original} is replaced by {next(iter(built.files))}; the handler is unchanged"]
        handler = model.get("handler")
        self._add_adapter(built, way, model, files)
        place = ".".join(self.handler.path)
        when = "each model assigned to" if way == AT_ASSIGNMENT else "after loading, the model at"
        return [f"{model['handler']} stands before {handler}: {when} {place} is replaced by its {built.kind} form"]

    def _drop_original(self, model: dict[str, Any], files: dict[str, Path], name: str) -> None:
        for key in ("serializedFile", "modelFile"):
            dropped = model.pop(key, None)
            if key == "serializedFile" and dropped:
                files.pop(dropped, None)
        model["serializedFile"] = name

    def _add_adapter(self, built: Built, way: str, model: dict[str, Any], files: dict[str, Path]) -> None:
        kind = "class_handler.py" if self.handler.class_name else "function_handler.py"
        files["optimised_handler.py"] = ADAPTER / kind
        files["optimised_model.py"] = ADAPTER / "optimised_model.py"
        settings = {
            "kind": built.kind, "module": self.handler.module, "class": self.handler.class_name,
            "function": self.handler.function, "path": list(self.handler.path), "at_assignment": way == AT_ASSIGNMENT,
            "file": next(iter(built.files), ""), **built.settings,
        }  # fmt: skip
        files["optimised_model.json"] = self._file("optimised_model.json", json.dumps(settings, indent=2))
        model["handler"] = "optimised_handler.py"

    def _write_config(self, built: Built, way: str, model: dict[str, Any], files: dict[str, Path]) -> None:
        """Add the target's keys to model-config.yaml, where a handler's own loading reads them."""
        if not built.config:
            return
        name = model.setdefault("configFile", CONFIG_FILE)
        known = yaml.safe_load(files[name].read_text()) if name in files else None
        merged = {**(known or {}), **built.config}
        files[name] = self._file("model-config.yaml", yaml.safe_dump(merged, sort_keys=False))

    def _file(self, name: str, text: str) -> Path:
        file = self.work / name
        file.write_text(text, encoding="utf-8")
        return file
