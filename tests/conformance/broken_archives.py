"""Archives that no packer makes: damaged ones, and ones with a part missing."""

import json
import zipfile
from pathlib import Path
from typing import Any

MANIFEST: dict[str, Any] = {
    "createdOn": "01/01/2026 00:00:00",
    "runtime": "python",
    "model": {"modelName": "odd", "handler": "handler.py", "modelVersion": "1.0"},
    "archiverVersion": "0.12.0",
}


def without(*keys: str) -> str:
    """The manifest without these keys."""
    model = {key: value for key, value in MANIFEST["model"].items() if key not in keys}
    return json.dumps({key: value for key, value in (MANIFEST | {"model": model}).items() if key not in keys})


def build_broken(store: Path, handler: str) -> None:
    """Put them into the store; the handler is a good one."""
    (store / "note.txt").write_text("not a model\n")
    (store / "notzip.mar").write_text("this is not an archive\n")
    (store / "empty.mar").write_bytes(b"")
    manifests = {
        "nomanifest": None,
        "badmanifest": "{ not json",
        "noruntime": without("runtime"),
        "noname": without("modelName"),
        "nohandler": without("handler"),
    }
    for name, manifest in manifests.items():
        with zipfile.ZipFile(store / f"{name}.mar", "w") as archive:
            archive.writestr("handler.py", handler)
            if manifest is not None:
                archive.writestr("MAR-INF/MANIFEST.json", manifest)
