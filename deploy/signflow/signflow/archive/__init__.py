"""The archive's own modules: `signflow.archive.features` is the file that the model server runs.

SIGNFLOW_ARCHIVE names the folder of another archive, with features of its own; without it, it is marserve's sample.
"""

import json
import os
from importlib.util import find_spec
from pathlib import Path


def _find_folder() -> Path:
    if named := os.environ.get("SIGNFLOW_ARCHIVE"):
        return Path(named)
    found = find_spec("handler")
    if found is None or found.origin is None:
        raise ImportError("There is no archive: install marserve, or let SIGNFLOW_ARCHIVE name the archive's folder")
    return Path(found.origin).parent / "examples" / "signflow"


FOLDER = _find_folder()
__path__ = [str(FOLDER)]


def read_labels() -> list[str]:
    """The names of the signs, in the order of the model's logits."""
    labels = json.loads((FOLDER / "index_to_name.json").read_text())
    return [labels[str(index)] for index in range(len(labels))]
