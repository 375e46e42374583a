"""The archive's own function with an optimised model, which replaces the one that its module holds after loading."""

from importlib import import_module
from typing import Any

from optimised_model import SETTINGS, replace_model  # type: ignore[import-not-found]

ORIGINAL = import_module(SETTINGS["module"])
_is_replaced = False


def handle(data: Any, context: Any) -> Any:
    """Call the original; the first call, with None, loads its model."""
    global _is_replaced
    answers = getattr(ORIGINAL, SETTINGS["function"])(data, context)
    if not _is_replaced:
        _is_replaced = replace_model(ORIGINAL, context.system_properties["model_dir"])
    return answers
