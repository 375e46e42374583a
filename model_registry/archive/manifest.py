"""The manifest of an archive: what MAR-INF/MANIFEST.json says of the model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from model_registry.errors import InvalidModel, InvalidRuntime

MANIFEST_FILE = Path("MAR-INF", "MANIFEST.json")
RUNTIMES = ("python", "python3", "LSP")
FIRST_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the manifest says; None is what it does not say.

    `raw` is the whole file as handlers see it: copy it for each of them, handlers change what they get.
    """

    raw: dict[str, Any] = field(default_factory=dict)
    model_name: str | None = None
    version: str = FIRST_VERSION
    handler: str | None = None
    serialized_file: str | None = None
    model_file: str | None = None
    config_file: str | None = None
    requirements_file: str | None = None
    runtime: str | None = "python"
    """One of RUNTIMES; None if the manifest names another."""

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of an unpacked archive, an empty one where there is none; raises InvalidModel, OSError."""
        try:
            # TorchServe forgives a byte order mark
            text = (folder / MANIFEST_FILE).read_text("utf-8-sig")
            return cls.parse(text)
        except (FileNotFoundError, NotADirectoryError):
            return cls()
        except (ValueError, TypeError, RecursionError) as reason:
            raise InvalidModel.bad_manifest() from reason

    @classmethod
    def parse(cls, text: str) -> "Manifest":
        """The manifest written in `text`; raises ValueError, TypeError or InvalidModel."""
        raw = json.loads(text)
        # numbers count as the text they are written in, so that a version 1.10 is not 1.1
        said = _mapping(json.loads(text, parse_int=str, parse_float=str))
        if said.get("model", {}) is None:
            raise InvalidModel.no_entry()
        model = _mapping(said.get("model", {}))
        version = _text(model, "modelVersion")
        return cls(
            raw=raw,
            model_name=_text(model, "modelName"),
            version=FIRST_VERSION if version is None else version,
            handler=_text(model, "handler"),
            serialized_file=_text(model, "serializedFile"),
            model_file=_text(model, "modelFile"),
            config_file=_text(model, "configFile"),
            requirements_file=_text(model, "requirementsFile"),
            runtime=_runtime(said),
        )

    def registered(
        self, model_name: str | None = None, handler: str | None = None, runtime: str | None = None, default: str = ""
    ) -> "Manifest":
        """The manifest with what a registration says instead; `default` names the model if nothing else does.

        Raises InvalidRuntime for a `runtime` that there is not, and InvalidModel if there is no name or no runtime.
        """
        if runtime is not None and runtime not in RUNTIMES:
            raise InvalidRuntime(runtime)
        name, runtime = model_name or self.model_name or default, runtime or self.runtime
        if not name:
            raise InvalidModel.no_name()
        if runtime is None:
            raise InvalidModel.no_runtime()
        return replace(self, model_name=name, handler=handler or self.handler, runtime=runtime)


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{type(value).__name__} where an object should be")
    return value


def _text(said: Mapping[str, object], key: str) -> str | None:
    value = said.get(key)
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, str):
        return value
    raise TypeError(f"{key} is no text")


def _runtime(said: Mapping[str, object]) -> str | None:
    """A runtime may be in capitals in a manifest, though not in a registration."""
    runtime = said.get("runtime", "python")
    return next((one for one in RUNTIMES if runtime in (one, one.upper())), None)
