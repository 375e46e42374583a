"""The document: models, their versions, defaults, workers and traffic rules. A change makes a new one of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from model_registry.files.documents import BeyondLimits, check_json_depth
from model_registry.state.errors import InvalidDocument, StateConflict, StateTooLarge

FORMAT = 1
MAX_BYTES = 16 << 20
"""Every replica reads all of a document that has changed."""


@dataclass(frozen=True, slots=True)
class VersionState:
    """The configuration of a version; what is None is taken from the archive and from each replica's configuration."""

    url: str
    min_workers: int = 1
    max_workers: int = 1
    handler: str | None = None
    runtime: str | None = None
    batch_size: int | None = None
    max_batch_delay: int | None = None
    response_timeout: int | None = None
    startup_timeout: int | None = None
    isolation: str | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class ModelState:
    """The versions of a model, the default among them, and the traffic rules in force."""

    default: str
    versions: Mapping[str, VersionState] = field(default_factory=dict)
    rules: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """The desired state; its revision grows by one with each change. Changes raise StateConflict."""

    revision: int = 0
    models: Mapping[str, ModelState] = field(default_factory=dict)

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a document; raises InvalidDocument."""
        try:
            if len(content) > MAX_BYTES:
                raise BeyondLimits(f"it has more than {MAX_BYTES} bytes")
            text = content.decode()
            check_json_depth(text)
            raw = json.loads(text)
            if raw["format"] != FORMAT:
                raise ValueError(f"its format is {raw['format']!r}, not {FORMAT}")
            if not _is_count(raw["revision"]):
                raise ValueError(f"its revision is {raw['revision']!r}, not a number of changes")
            return cls(raw["revision"], {name: _model(entry) for name, entry in raw["models"].items()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidDocument(f"The state document cannot be read: {error!r}") from error

    def to_bytes(self) -> bytes:
        """The document as it is stored; raises StateTooLarge."""
        models = {
            name: {
                "default": model.default,
                "versions": {
                    number: {key: value for key, value in asdict(version).items() if value is not None}
                    for number, version in model.versions.items()
                },
                "rules": dict(model.rules),
            }
            for name, model in self.models.items()
        }
        content = json.dumps({"format": FORMAT, "revision": self.revision, "models": models}, indent=1).encode()
        if len(content) > MAX_BYTES:  # which no replica would read again
            raise StateTooLarge(len(models), len(content), MAX_BYTES)
        return content

    def with_version(self, name: str, number: str, version: VersionState) -> Self:
        """A version more; the first of a model is its default."""
        model = self.models.get(name) or ModelState(number)
        if model.versions.get(number, version) != version:
            raise StateConflict(f"Version {number} of model {name} is another one on the other replicas.")
        return self._with(name, replace(model, versions={**model.versions, number: version}))

    def with_workers(self, name: str, number: str, minimum: int, maximum: int) -> Self:
        """A version with other numbers of workers."""
        model = self._model(name, number)
        version = replace(model.versions[number], min_workers=minimum, max_workers=maximum)
        return self._with(name, replace(model, versions={**model.versions, number: version}))

    def with_default(self, name: str, number: str) -> Self:
        """A model with another default version."""
        return self._with(name, replace(self._model(name, number), default=number))

    def with_rules(self, name: str, default: str, rules: Mapping[str, Any]) -> Self:
        """A model with other traffic rules, and the default that belongs to them."""
        return self._with(name, replace(self._model(name, default), default=default, rules=rules))

    def without_version(self, name: str, number: str) -> Self:
        """A version less; the model goes with its last one."""
        model = self.models.get(name)
        if model is None or number not in model.versions:
            return self
        versions = {key: version for key, version in model.versions.items() if key != number}
        if not versions:
            return replace(self, models={key: each for key, each in self.models.items() if key != name})
        if model.default == number:
            raise StateConflict(f"Version {number} of model {name} is the default on the other replicas.")
        return self._with(name, replace(model, versions=versions))

    def _model(self, name: str, number: str) -> ModelState:
        model = self.models.get(name)
        if model is None or number not in model.versions:
            raise StateConflict(f"Version {number} of model {name} was unregistered on another replica.")
        return model

    def _with(self, name: str, model: ModelState) -> Self:
        return replace(self, models={**self.models, name: model})


_TEXTS = frozenset({"url", "handler", "runtime", "isolation"})
_COUNTS = frozenset({"min_workers", "max_workers"})
_FIELDS = frozenset(each.name for each in fields(VersionState))


def _model(raw: Mapping[str, Any]) -> ModelState:
    versions = {str(number): _version(number, entry) for number, entry in raw["versions"].items()}
    if raw["default"] not in versions:
        raise ValueError(f"the default {raw['default']!r} is none of the versions {', '.join(versions)}")
    return ModelState(raw["default"], versions, dict(raw.get("rules") or {}))


def _version(number: str, raw: Mapping[str, Any]) -> VersionState:
    """Unknown keys are passed over: a later release may have added them."""
    known = {key: value for key, value in raw.items() if key in _FIELDS}
    for key, value in known.items():
        if key in _TEXTS:
            is_valid = isinstance(value, str)
        else:
            is_valid = _is_count(value) if key in _COUNTS else type(value) is int
        if not is_valid:
            raise ValueError(f"{key} of version {number} is {value!r}")
    return VersionState(**known)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0
