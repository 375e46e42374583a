"""The specification of a model archive: its parts, and their names in it."""

import glob
import logging
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar

from model_registry.archive.manifest import MANIFEST_FILE

LOG = logging.getLogger("marserve.packer")
ARCHIVER_VERSION = "0.12.0"
"""The release of torch-model-archiver whose archives these are."""
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-.]*")
BUILT_IN = {
    "base_handler", "text_classifier", "image_classifier", "object_detector", "image_segmenter",
    "dali_image_classifier", "vllm_handler", "trt_llm_handler",
}  # fmt: skip
BUILT_IN_LSP = {"BaseHandler", "TorchScriptHandler"}


class PackingError(Exception):
    """The archive cannot be made of these parts."""


def check_name(kind: str, name: str) -> None:
    """Raise PackingError for a name that no archive of that kind ("model" or "workflow") may have."""
    if not MODEL_NAME.fullmatch(name):
        raise PackingError(
            f"{kind.capitalize()} name contains special characters.\n"
            f"The allowed regular expression filter for {kind} name is: ^{MODEL_NAME.pattern}$"
        )


@dataclass(frozen=True, slots=True)
class ArchiveSpec:
    """The parts of a model: files by their paths, extra files also by folders and wildcards."""

    kind: ClassVar[str] = "model"
    manifest_file: ClassVar[Path] = MANIFEST_FILE

    model_name: str
    version: str
    handler: str
    """A file, with or without its suffix and ":function", or the name of a built-in handler."""
    model_file: str | None = None
    serialized_file: str | None = None
    extra_files: tuple[str, ...] = ()
    requirements_file: str | None = None
    config_file: str | None = None
    runtime: str = "python"

    def __post_init__(self) -> None:
        check_name(self.kind, self.model_name)

    @property
    def name(self) -> str:
        """The archive's file is named after the model."""
        return self.model_name

    def manifest(self, created: datetime) -> dict[str, Any]:
        """The content of MANIFEST.json."""
        model = {
            "modelName": self.model_name,
            "serializedFile": _name(self.serialized_file),
            "handler": _name(self.handler),
            "modelFile": _name(self.model_file),
            "modelVersion": self.version,
            "requirementsFile": _name(self.requirements_file),
            "configFile": _name(self.config_file),
        }
        return {
            "createdOn": created.strftime("%d/%m/%Y %H:%M:%S"),
            "runtime": self.runtime,
            "model": {key: value for key, value in model.items() if value},
            "archiverVersion": ARCHIVER_VERSION,
        }

    def files(self) -> dict[str, Path]:
        """The files by their names in the archive, of equal names the last. Raises PackingError."""
        self._check_handler()
        files = named_files(self.model_file, self.serialized_file, self.handler_file)
        for pattern in filter(None, self.extra_files):
            files |= extra_files(pattern)
        return files | named_files(self.requirements_file, self.config_file)

    def _check_handler(self) -> None:
        """Raise PackingError for a built-in handler's name with a slip."""
        near = get_close_matches(self.handler, BUILT_IN, n=1)
        file = self.handler_file
        if near and file and not Path(file).exists():
            raise PackingError(f"File does not exist: {file}; is the built-in handler {near[0]} meant?")

    @property
    def handler_file(self) -> str | None:
        """The file of the handler; None if it is built in."""
        library = ".dylib" if sys.platform == "darwin" else ".so"
        built_in, suffix = (BUILT_IN_LSP, library) if self.runtime == "LSP" else (BUILT_IN, ".py")
        if self.handler in built_in:
            return None
        name = self.handler.partition(":")[0]
        return name if name.endswith(suffix) else name + suffix


def _name(path: str | None) -> str | None:
    return Path(path).name if path else None


def named_files(*paths: str | None) -> dict[str, Path]:
    """The files by their names, without their folders. Raises PackingError for one that is not there."""
    files = [Path(path) for path in paths if path]
    for file in files:
        if not file.is_file():
            raise PackingError(f"File does not exist: {file}")
    return {file.name: file for file in files}


def extra_files(pattern: str) -> dict[str, Path]:
    """The files of one entry of --extra-files: a file, the content of a folder, or the matches of a wildcard."""
    pattern = pattern.strip()
    found = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern))  # noqa: PTH207  # it may be absolute
    if not found and not glob.has_magic(pattern):
        raise PackingError(f"File does not exist: {pattern}")
    if not found:
        LOG.warning("Given wildcard pattern did not match any file: %s", pattern)
    files: dict[str, Path] = {}
    for path in map(Path, found):
        files |= dict(_tree(path)) if path.is_dir() else named_files(str(path))
    return files


def _tree(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files below a folder by their relative names, without hidden folders and Python's caches."""
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if _is_packed(Path(place, name))]
        files = (Path(place, name) for name in names)
        yield from ((file.relative_to(folder).as_posix(), file) for file in files if file.is_file())


def _is_packed(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in ("__pycache__", "__MACOSX"):
        return False
    return not folder.parent.resolve().is_relative_to(folder.resolve())  # a link to a folder that it is in
