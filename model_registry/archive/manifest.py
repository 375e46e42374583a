"""The manifest of an archive: MAR-INF/MANIFEST.json."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from handler.workers.load_remedies import NO_MANIFEST
from model_registry.archive.naming import check_name
from model_registry.errors import InvalidModel, InvalidRuntime
from model_registry.files.documents import read_bytes
from model_registry.parsing import lenient_json

MANIFEST_FILE = Path("MAR-INF", "MANIFEST.json")
RUNTIMES = ("python", "python3", "LSP")
FIRST_VERSION = "1.0"
MAX_STRING_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class Manifest:
    """The keys of the manifest; None for one that is missing.

    `raw` is the whole file for handlers: each needs a copy of its own, because handlers change it.
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
        """The manifest of an unpacked archive, an empty one if there is none; raises InvalidModel or OSError."""
        try:
            # TorchServe forgives a byte order mark
            return cls.parse(read_bytes(folder / MANIFEST_FILE).decode("utf-8-sig"))
        except (FileNotFoundError, NotADirectoryError):
            return cls()
        except (ValueError, TypeError) as reason:
            raise InvalidModel.bad_manifest() from reason

    @classmethod
    def parse(cls, text: str) -> "Manifest":
        """The manifest of lenient JSON; raises ValueError, TypeError or InvalidModel."""
        raw = lenient_json.loads(text)
        # numbers as they are written, so that a version 1.10 is not 1.1
        manifest = _mapping(lenient_json.loads(text, number=str))
        if manifest.get("model", {}) is None:
            raise InvalidModel.no_entry()
        model = _mapping(manifest.get("model", {}))
        version = _string(model, "modelVersion")
        return cls(
            raw=raw,
            model_name=_string(model, "modelName"),
            version=FIRST_VERSION if version is None else version,
            handler=_string(model, "handler"),
            serialized_file=_string(model, "serializedFile"),
            model_file=_string(model, "modelFile"),
            config_file=_string(model, "configFile"),
            requirements_file=_string(model, "requirementsFile"),
            runtime=_runtime(manifest),
        )

    def registered(
        self, model_name: str | None = None, handler: str | None = None, runtime: str | None = None, default: str = ""
    ) -> "Manifest":
        """The manifest with a registration's values; `default` names the model if nothing else does.

        Raises InvalidRuntime for an unknown `runtime`, InvalidModel if there is no name or no runtime, and InvalidName.
        """
        if runtime is not None and runtime not in RUNTIMES:
            raise InvalidRuntime(runtime)
        name, runtime = model_name or self.model_name or default, runtime or self.runtime
        if not name:
            cause = "model.modelName is missing in MAR-INF/MANIFEST.json; model_name=NAME names the model as well"
            raise InvalidModel.no_name() from ValueError(cause if self.raw else NO_MANIFEST)
        if runtime is None:
            raise InvalidModel.no_runtime()
        check_name("model name", name)
        check_name("model version", self.version)
        return replace(self, model_name=name, handler=handler or self.handler, runtime=runtime)


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{type(value).__name__} where an object should be")
    return value


def _string(manifest: Mapping[str, object], key: str) -> str | None:
    value = manifest.get(key)
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or (isinstance(value, str) and len(value) <= MAX_STRING_CHARACTERS):
        return value
    raise TypeError(f"{key} is no string of at most {MAX_STRING_CHARACTERS} characters")


def _runtime(manifest: Mapping[str, object]) -> str | None:
    """The runtime, which may be in capitals in a manifest, though not in a registration."""
    runtime = manifest.get("runtime", "python")
    return next((one for one in RUNTIMES if runtime in (one, one.upper())), None)
