"""Loads and unloads the models of repositories, and ensembles with their steps."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from handler.tensors.errors import Code, TensorError
from model_registry.triton.config.checks.ensemble_checks import check_wiring
from model_registry.triton.config.config_forms import InvalidConfig
from model_registry.triton.model_states import ModelState, ModelStates
from model_registry.triton.repository import ModelDefinition, ModelRepository, Override
from model_registry.triton.version_switch import Launcher, Publisher, VersionSwitch, load_failure

LOG = logging.getLogger("marserve.repository")


class IndexEntry(NamedTuple):
    """One line of the repository's index."""

    name: str
    version: str = ""
    state: str = ""
    reason: str = ""


class RepositoryControl:
    """The models of the repositories. It lives on the event loop; one change is made after the other."""

    def __init__(
        self, repository: ModelRepository, launcher: Launcher, publisher: Publisher, *, drain_seconds: float
    ) -> None:
        self.states = ModelStates()
        self._repository = repository
        self._publisher = publisher
        self._switch = VersionSwitch(launcher, publisher, drain_seconds)
        self._changes = asyncio.Lock()
        self._files: dict[str, list[Path]] = {}

    def __repr__(self) -> str:
        return f"<RepositoryControl of {self._repository}>"

    def names(self) -> set[str]:
        """The names of all model folders."""
        return self._repository.names()

    def index(self, *, only_ready: bool = False) -> list[IndexEntry]:
        """Every version of every model of the repositories, with its state; a model that was never loaded has none."""
        entries = [entry for name in sorted(self.names()) for entry in self._entries(name)]
        return [entry for entry in entries if entry.state == "READY"] if only_ready else entries

    async def load_all(self, names: Iterable[str]) -> bool:
        """Load models at the same time; whether all of them serve. Failures are in the log."""
        async with self._changes:
            definitions = await asyncio.gather(*(self._read(name) for name in sorted(names)))
            found = {definition.name: definition for definition in definitions if definition is not None}
            plain = [each for each in found.values() if not each.steps]
            results = [*await asyncio.gather(*(self._try(each) for each in plain))]
            results += [await self._try(each) for each in found.values() if each.steps]
            return all(results) and len(found) == len(definitions)

    async def load(self, name: str, override: Override | None = None) -> None:
        """Load a model anew, if it has changed; returns when it serves. Raises TensorError."""
        async with self._changes:
            definition = await self._read(name, override)
            if definition is None:
                raise TensorError(f"failed to load '{name}', failed to poll from model repository", Code.INTERNAL)
            self.states.of(name).is_wanted = True
            try:
                await self._load(definition)
            finally:
                self.states.forget_empty(name)

    async def unload(self, name: str, *, unload_dependents: bool = False) -> None:
        """Take a model out, with the ensembles over it; requests in flight are answered in the background."""
        async with self._changes:
            model = self.states.get(name)
            if model is None:
                return
            steps = {step.model_name for step in model.definition.steps} if model.definition else set()
            model.is_wanted = False
            self._switch.take_out(model)
            for other in [other for other in self.states if self._uses(other, name)]:
                self._switch.take_out(other)
            if unload_dependents:
                self._unload_unused(steps)

    async def poll(self) -> None:
        """Take over what has changed in the repositories."""
        async with self._changes:
            names = self.names()
            for model in [model for model in self.states if model.definition and model.name not in names]:
                self._switch.take_out(model)
            for name in sorted(names):
                definition = await self._read(name)
                if definition is not None:
                    await self._try(definition)

    async def close(self, seconds: float) -> None:
        """Answer what was accepted, and end every version."""
        served = [version for model in self.states for version in model.ready().values()]
        for model in self.states:
            self._publisher.publish(model.name, {})
        await asyncio.gather(*(version.close(seconds) for version in served), self._switch.wait())
        for folder in (folder for folders in self._files.values() for folder in folders):
            shutil.rmtree(folder, ignore_errors=True)

    def _entries(self, name: str) -> list[IndexEntry]:
        model = self.states.get(name)
        if model is None or not (model.versions or model.has_no_version):
            return [IndexEntry(name)]
        return [
            IndexEntry(name, str(number), version.state, version.reason)
            for number, version in sorted(model.versions.items())
        ]

    async def _read(self, name: str, override: Override | None = None) -> ModelDefinition | None:
        """The definition of a model; None, and a line in the log, where it cannot be read."""
        try:
            files = await asyncio.to_thread(self._write_files, name, override)
            return await asyncio.to_thread(self._repository.read, name, override, files)
        except (InvalidConfig, OSError) as error:
            LOG.error("Poll failed for model directory '%s': %s", name, error)
            return None

    def _write_files(self, name: str, override: Override | None) -> Path | None:
        if override is None or not override.files:
            return None
        folder = Path(tempfile.mkdtemp(prefix="marserve-model-"))
        for path, content in override.files.items():
            file = (folder / path).resolve()
            if not file.is_relative_to(folder.resolve()):
                raise InvalidConfig(f"the file '{path}' would lie outside of the model's folder")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        self._files.setdefault(name, []).append(folder)
        return folder

    def _remove_files(self, definition: ModelDefinition) -> None:
        """Remove the files of earlier overrides."""
        folders = self._files.get(definition.name, [])
        for folder in [folder for folder in folders if folder != definition.folder]:
            folders.remove(folder)
            shutil.rmtree(folder, ignore_errors=True)

    async def _try(self, definition: ModelDefinition) -> bool:
        self.states.of(definition.name).is_wanted = True
        try:
            await self._load(definition)
        except TensorError as error:
            LOG.error("failed to load model '%s': %s", definition.name, error.message)
            return False
        finally:
            self.states.forget_empty(definition.name)
        return True

    async def _load(self, definition: ModelDefinition) -> None:
        model = self.states.of(definition.name)
        if definition.is_same(model.definition) and model.ready():
            return
        if definition.steps:
            await self._load_steps(definition)
        model.has_no_version = not definition.versions
        if model.has_no_version:
            raise load_failure(
                definition.name,
                f"at least one version must be available under the version policy of model '{definition.name}'\n",
            )
        await self._switch.launch(model, definition)
        self._remove_files(definition)
        await self._revive(definition.name)

    async def _load_steps(self, definition: ModelDefinition) -> None:
        for name in dict.fromkeys(step.model_name for step in definition.steps):
            model = self.states.get(name)
            if model is None or not model.ready():
                step = await self._read(name)
                if step is not None:
                    await self._load_step(step)
        configs = {
            model.name: next(reversed(model.ready().values())).model.config for model in self.states if model.ready()
        }
        try:
            check_wiring(definition.config, configs)
            for step in definition.steps:
                self._check_version(definition.name, step)
        except TensorError as error:
            raise load_failure(definition.name, f"{error.message}\n") from error

    async def _load_step(self, definition: ModelDefinition) -> None:
        try:
            await self._load(definition)
        except TensorError as error:
            LOG.error("failed to load model '%s': %s", definition.name, error.message)
        finally:
            self.states.forget_empty(definition.name)

    def _check_version(self, ensemble: str, step: Any) -> None:
        if not self.states.is_ready(step.model_name, step.model_version):
            raise TensorError(
                f"ensemble '{ensemble}' depends on '{step.model_name}' whose required version {step.model_version} is "
                "not loaded."
            )

    async def _revive(self, name: str) -> None:
        """Load the ensembles over a model again that had to go with it."""
        for other in [other for other in self.states if self._uses(other, name) and other.is_wanted]:
            if not other.ready() and other.definition is not None:
                definition = await self._read(other.name)
                if definition is not None:
                    await self._load_step(definition)

    def _uses(self, model: ModelState, name: str) -> bool:
        """Whether a model is an ensemble over another, through others as well."""
        steps = {step.model_name for step in model.definition.steps} if model.definition else set()
        inner = [self.states.get(step) for step in steps]
        return name in steps or any(each is not None and self._uses(each, name) for each in inner)

    def _unload_unused(self, names: Iterable[str]) -> None:
        for name in names:
            model = self.states.get(name)
            if (
                model is None
                or model.is_wanted
                or any(self._uses(other, name) for other in self.states if other.ready())
            ):
                continue
            steps = {step.model_name for step in model.definition.steps} if model.definition else set()
            self._switch.take_out(model)
            self._unload_unused(steps)
