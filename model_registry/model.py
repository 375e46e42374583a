"""A model: a name, its versions, and their default."""

from typing import Literal

from model_registry.errors import UnknownDefault, VersionNotFound
from model_registry.version import ModelVersion

Role = Literal["model", "node", "function"]
"""A model of its own, or a node of a workflow: another archive, or a function of the workflow's own handler."""


class Model:
    """The versions registered under one name; the first is the default until another is set."""

    def __init__(self, name: str, role: Role = "model") -> None:
        self.name = name
        self.role = role
        self.versions: dict[str, ModelVersion] = {}
        self.default = ""

    def __repr__(self) -> str:
        return f"<Model {self.name}: {', '.join(self.versions)}; default {self.default}>"

    def add(self, version: ModelVersion) -> None:
        """Add a version."""
        self.versions[version.version] = version
        self.default = self.default or version.version

    def choose(self, version: str | None = None) -> ModelVersion:
        """The named version, else the default; raises VersionNotFound."""
        number = self.default if version is None else version
        try:
            return self.versions[number]
        except KeyError:
            raise VersionNotFound(self.name, number) from None

    def set_default(self, version: str) -> None:
        """Make a version the default; raises UnknownDefault."""
        if version not in self.versions:
            raise UnknownDefault(self.name, version)
        self.default = version

    def remove(self, version: ModelVersion) -> None:
        """Remove a version; the oldest left becomes the default if it was that."""
        del self.versions[version.version]
        if version.version == self.default:
            self.default = next(iter(self.versions), "")
