"""The states of all versions that were ever asked for, and which of them answers a request."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from handler.tensors.errors import Code, TensorError
from model_registry.tensors.ensemble_version import EnsembleVersion
from model_registry.tensors.tensor_version import TensorVersion
from model_registry.triton.repository import ModelDefinition

State = Literal["READY", "LOADING", "UNLOADING", "UNAVAILABLE"]
Served = TensorVersion | EnsembleVersion
UNLOADED = "unloaded"


@dataclass(slots=True)
class VersionState:
    """The state of one version, and what serves it while it is READY."""

    state: State = "LOADING"
    reason: str = ""
    served: Served | None = None

    @property
    def is_settled(self) -> bool:
        """Whether it serves, or was unloaded on purpose."""
        return self.state == "READY" or (self.state == "UNAVAILABLE" and self.reason == UNLOADED)


@dataclass(slots=True)
class ModelState:
    """The versions of one model, for as long as the server lives."""

    name: str
    versions: dict[int, VersionState] = field(default_factory=dict)
    definition: ModelDefinition | None = None
    """The one that serves."""
    has_no_version: bool = False
    """Whether its folder has none that may be served: the index passes over it then."""
    is_wanted: bool = False
    """Whether it was loaded for its own sake, not only for an ensemble's."""

    def ready(self) -> dict[int, Served]:
        """The versions that serve, by their numbers, in ascending order."""
        return {
            number: self.versions[number].served  # type: ignore[misc] # a version that is READY is served
            for number in sorted(self.versions)
            if self.versions[number].state == "READY"
        }

    def newest(self) -> Served | None:
        """The version with the largest number of those that serve."""
        number = max((number for number, version in self.versions.items() if version.state == "READY"), default=None)
        return None if number is None else self.versions[number].served


class ModelStates:
    """All models of the repositories by their names."""

    def __init__(self) -> None:
        self._models: dict[str, ModelState] = {}

    def __repr__(self) -> str:
        return f"<ModelStates of {len(self._models)} models>"

    def __iter__(self) -> Iterator[ModelState]:
        return iter(self._models.values())

    def get(self, name: str) -> ModelState | None:
        """The model of that name, if it was ever asked for."""
        return self._models.get(name)

    def of(self, name: str) -> ModelState:
        """The model of that name, made where there is none."""
        return self._models.setdefault(name, ModelState(name))

    def forget_empty(self, name: str) -> None:
        """Forget a model that has never had a version."""
        model = self._models.get(name)
        if model is not None and not model.versions and not model.has_no_version:
            del self._models[name]

    @property
    def is_settled(self) -> bool:
        """Whether every version serves, or was unloaded on purpose."""
        return all(version.is_settled for model in self for version in model.versions.values())

    def find(self, name: str, number: int = -1) -> Served:
        """The version that answers a request, the newest for -1; raises TensorError in Triton's words."""
        model, about = self._models.get(name), f"Request for unknown model: '{name}'"
        if model is None or not model.versions:
            raise TensorError(f"{about} is not found", Code.NOT_FOUND)
        if number == -1:
            newest = model.newest()
            if newest is None:
                raise TensorError(f"{about} has no available versions", Code.NOT_FOUND)
            return newest
        version = model.versions.get(number)
        if version is not None and version.state == "READY" and version.served is not None:
            return version.served
        if number not in model.versions:
            raise TensorError(f"{about} version {number} is not found", Code.NOT_FOUND)
        raise TensorError(f"{about} version {number} is not at ready state", Code.UNAVAILABLE)

    def is_ready(self, name: str, number: int = -1) -> bool:
        """Whether a version serves, any for -1."""
        model = self._models.get(name)
        ready = model.ready() if model is not None else {}
        return bool(ready) if number == -1 else number in ready
