"""The folder of the archive, whose files the backend and the training share with the model server."""

import json
from pathlib import Path

from handler.examples import signflow

FOLDER = Path(signflow.__file__).parent


def read_labels() -> list[str]:
    """The names of the signs, in the order of the model's logits."""
    return list(json.loads((FOLDER / "index_to_name.json").read_text()).values())
