"""Reads snapshot files."""

import json
from pathlib import Path
from typing import Any

from app.settings import properties


def read_snapshot(file: Path) -> dict[str, Any]:
    """The members of its `model_snapshot`, and under "kept" its other lines as they are, in order."""
    text = file.read_text()
    values = {entry.key: entry.value for entry in properties.parse(text)}
    kept = sorted(line for line in text.splitlines() if not line.startswith(("#", "model_snapshot=")))
    return {**json.loads(values["model_snapshot"]), "kept": kept}
