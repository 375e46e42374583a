"""Writes the archives of the examples, as torch-model-archiver and torch-workflow-archiver do."""

import json
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

CHAT = Path(__file__).parent / "chat"
CHAT_FILES = [CHAT / f"{name}.py" for name in ("decoder", "loading", "pretrained", "scheduler", "slots", "text_stream")]
"""The modules of a language model in an archive, but for its handler."""
sys.path.append(str(CHAT))  # its modules import each other as in an archive


def write_archive(store: Path, name: str, handler: Path, files: Iterable[Path], config: Mapping[str, Any]) -> None:
    """Write NAME.mar: the handler, other files, and `config` as model-config.yaml (JSON is YAML)."""
    model = {"modelName": name, "modelVersion": "1.0", "handler": handler.name, "configFile": "model-config.yaml"}
    with zipfile.ZipFile(store / f"{name}.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps({"runtime": "python", "model": model}))
        archive.writestr("model-config.yaml", json.dumps(config))
        for file in (handler, *files):
            archive.write(file, file.name)


def write_workflow(store: Path, name: str, specification: Path, handler: Path | None = None) -> None:
    """Write NAME.war of a specification, and of a handler if the workflow has functions."""
    files = [file for file in (specification, handler) if file]
    workflow = {"workflowName": name, "specFile": specification.name, **({"handler": handler.name} if handler else {})}
    with zipfile.ZipFile(store / f"{name}.war", "w") as archive:
        archive.writestr("WAR-INF/MANIFEST.json", json.dumps({"workflow": workflow}))
        for file in files:
            archive.write(file, file.name)


def language_model(path: str | None, small: Mapping[str, Any], compiled: bool) -> dict[str, Any]:
    """The configuration of an archive with a model of transformers in the folder `path`, or with the small decoder."""
    handler = {"path": str(Path(path).resolve()), "slots": 8} if path else dict(small)
    return {
        "minWorkers": 1, "maxWorkers": 1, "asyncCommunication": True, "handler": handler,
        "pt2": {"compile": {"enable": compiled, "backend": "inductor"}},
    }  # fmt: skip
