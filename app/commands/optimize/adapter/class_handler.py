"""The archive's own handler with an optimised model, which takes the place of each one that it loads."""

from importlib import import_module
from typing import Any

from optimised_model import SETTINGS, optimised, replace_model  # type: ignore[import-not-found]

# The name of the class, or the one class that the module defines itself.
ORIGINAL = getattr(import_module(SETTINGS["module"]), SETTINGS["class"])


class OptimisedHandler(ORIGINAL):  # type: ignore[misc, valid-type]
    """As the original, with another model."""

    def initialize(self, context: Any) -> None:
        """Initialize the original, and replace its model."""
        self.__dict__["__optimised_folder"] = context.system_properties["model_dir"]
        super().initialize(context)
        if not SETTINGS["at_assignment"] and not replace_model(self, self.__dict__["__optimised_folder"]):
            raise RuntimeError(f"the handler has no model at {'.'.join(SETTINGS['path'])} after its initialization")

    def __setattr__(self, name: str, value: Any) -> None:
        if SETTINGS["at_assignment"] and [name] == SETTINGS["path"] and value is not None:
            value = self.__dict__.get("__optimised_model") or optimised(value, self.__dict__["__optimised_folder"])
            self.__dict__["__optimised_model"] = value
        super().__setattr__(name, value)
