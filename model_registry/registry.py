"""All models of the server: register, resolve, scale, set defaults, unregister, list."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from handler.devices.allocator import trim_malloc
from model_registry.archive.archive import Archive
from model_registry.archive.opener import ArchiveOpener
from model_registry.archive.packages import install
from model_registry.config import ModelConfig
from model_registry.errors import Conflict, ModelNotFound, RegistryError, WorkersFailed
from model_registry.loading.factory import ModelFactory
from model_registry.loading.worker_start import MANAGER, isolate_packages, wait_for_workers
from model_registry.model import Model
from model_registry.pagination import page_of
from model_registry.registration import Registration, Role
from model_registry.snapshot import Occasion, StateWriter
from model_registry.tasks.load_report import report_loading
from model_registry.tasks.shielded_tasks import ShieldedTasks
from model_registry.version import ModelVersion

if TYPE_CHECKING:
    from model_registry.traffic.model_traffic import ModelTraffic

LOG = logging.getLogger("marserve.registry")


class Registry:
    """The models by name, on one event loop that neither files nor workers block."""

    def __init__(
        self, factory: ModelFactory, opener: ArchiveOpener, *, drain_seconds: float = 8.0, hung_limit: int = 4,
        snapshots: StateWriter | None = None,
    ) -> None:  # fmt: skip
        self._factory = factory
        self._opener = opener
        self._snapshots = snapshots
        self._recording = False
        self._drain_seconds = drain_seconds
        self._hung_limit = hung_limit
        self._models: dict[str, Model] = {}
        self._restored: set[str] = set()
        self._kept_traffic: dict[str, Mapping[str, Any]] = {}
        self._registering, self._closing, self._reports = ShieldedTasks(), ShieldedTasks(), ShieldedTasks()
        self.startup_models: set[str] = set()
        """Names of the models that were loaded at start."""
        self.startup_failed = False
        """Set when a start-up model cannot be registered."""
        self.started = asyncio.Event()
        """Set when the start-up models are registered; their workers may still be loading."""

    def __repr__(self) -> str:
        return f"<Registry {', '.join(self._models) or 'empty'}>"

    @property
    def is_healthy(self) -> bool:
        """True if every default version has its workers and few enough threads hang."""
        return all(model.choose().is_healthy for model in self._models.values()) and self.is_within_hung_limit

    @property
    def is_within_hung_limit(self) -> bool:
        """True if few enough threads hang; only a restart ends them."""
        return self.hung_count < self._hung_limit

    @property
    def is_ready(self) -> bool:
        """True if all start-up models were registered and have loaded their workers."""
        names = (self.startup_models | self._restored) & self._models.keys()
        versions = (self._models[name].choose() for name in names)
        loaded = all(version.pool.ready_count >= version.config.min_workers for version in versions)
        return self.started.is_set() and loaded and not self.startup_failed

    @property
    def hung_count(self) -> int:
        """The number of abandoned workers: threads that nothing can end."""
        return sum(version.pool.abandoned_count for version in self.versions())

    @property
    def only_startup_model(self) -> str | None:
        """The model that /invocations means without naming one."""
        return next(iter(self.startup_models)) if len(self.startup_models) == 1 else None

    def versions(self) -> Iterator[ModelVersion]:
        """Every version of every model."""
        return (version for model in self._models.values() for version in model.versions.values())

    @property
    def models(self) -> Mapping[str, Model]:
        """The models by name, as they are at any time."""
        return self._models

    def get(self, name: str) -> Model | None:
        """The model of that name, if there is one."""
        return self._models.get(name)

    def model(self, name: str) -> Model:
        """The model of that name; raises ModelNotFound."""
        try:
            return self._models[name]
        except KeyError:
            raise ModelNotFound(name) from None

    def resolve(self, name: str, version: str | None = None) -> ModelVersion:
        """The named version, else the default; raises ModelNotFound or VersionNotFound."""
        return self.model(name).choose(version)

    async def find(self, name: str, version: str | None = None) -> ModelVersion:
        """Resolve, and wait for a model that is not there yet, or not yet whole, while the server starts."""
        return (await self.find_model(name)).choose(version)

    def page(self, start: int, limit: int) -> tuple[Sequence[Model], int | None]:
        """At most `limit` models by name and the start of the next page; without the functions of workflows."""
        listed = sorted(name for name, model in self._models.items() if model.role != "function")
        names, following = page_of(listed, start, limit)
        return [self._models[name] for name in names], following

    async def find_model(self, name: str) -> Model:
        """The model of that name, which is waited for while the server starts; raises ModelNotFound."""
        if (model := self._models.get(name)) is None or model.is_restoring:
            await self.started.wait()
        return self.model(name)

    def traffic(self, name: str) -> "ModelTraffic":
        """The traffic of a model, whose changes are written to snapshots; raises ModelNotFound."""
        return self.model(name).control_traffic(self._changed)

    def publish(self, name: str, versions: Mapping[str, Any]) -> None:
        """Let these versions of a model of a repository be found, and no others; the last one is the default.

        An archive of that name goes on as it was.
        """
        known = self._models.get(name)
        if known is not None and known.role != "repository":
            LOG.error("Model %s is registered from an archive: only /v2 serves the one of the repository.", name)
        elif versions:
            self._models.setdefault(name, Model(name, "repository")).replace_versions(versions)
        else:
            self._models.pop(name, None)

    def mark_started(self) -> None:
        """Declare the start-up models registered."""
        for name, state in self._kept_traffic.items():
            self._restore_traffic(name, state)
        for name in self._restored & self._models.keys():
            self._models[name].is_restoring = False
        self.started.set()
        self._save("startup")

    def start_recording(self) -> None:
        """Write snapshots from now on, the first when the start-up models are registered."""
        self._recording = True
        self._save("startup")

    async def register(self, registration: Registration) -> ModelVersion:
        """Open the archive, add the version, and start its workers, even if the caller is cancelled meanwhile.

        A version that cannot load its workers while the caller waits is unregistered again. Raises the errors of
        ArchiveOpener.open and ModelFactory.make, Conflict, PackagesFailed, and WorkersFailed or WorkersOutOfMemory.
        """
        return await self._registering.run(self._register(registration))

    async def _register(self, registration: Registration) -> ModelVersion:
        opened = await self._opener.open(registration.url)
        archive, config = await self._opener.run(self._factory.configure, opened, registration)
        try:
            version = self._add(archive, config, registration)
        except Exception:
            # a download stays in the store, as in TorchServe
            await asyncio.to_thread(replace(archive, downloaded=None).remove)
            raise
        LOG.info("Model %s %s is registered.", version.name, version.version, extra=MANAGER)
        try:
            await self._install_and_start(version, registration)
        except RegistryError:
            raise
        except Exception:  # no thread or process can start
            await self._remove(version)
            raise
        return version

    async def scale(self, version: ModelVersion, min_workers: int, max_workers: int, *, wait: bool) -> None:
        """Scale the workers of a version; with `wait` raises WorkersFailed or WorkersOutOfMemory."""
        LOG.info("Scaling %s %s to %d-%d workers.", version.name, version.version, min_workers, max_workers)
        try:
            await self._start_workers(version, min_workers, max_workers, wait, keep=True)
        finally:
            self._changed()

    def set_default(self, name: str, version: str) -> None:
        """Make a version the default; raises ModelNotFound or UnknownDefault."""
        self.model(name).set_default(version)
        self._changed()

    async def change_default(self, name: str, version: str) -> None:
        """Make a version the default, wherever models are shared; raises ModelNotFound or UnknownDefault."""
        self.set_default(name, version)

    async def share_traffic(self, name: str) -> None:
        """Return when a change of a model's traffic is known wherever models are shared: here, at once."""

    async def unregister(self, name: str, version: str | None = None) -> None:
        """Remove a version, answer what it has accepted, and end it.

        Raises ModelNotFound, VersionNotFound, InvalidVersionRemoval for a default that is not the last, and
        VersionInTraffic.
        """
        chosen = self.model(name).removable(version)
        await self._remove(chosen)
        await asyncio.to_thread(trim_malloc)
        LOG.info("Model %s %s unregistered.", name, chosen.version)

    async def close(self, seconds: float | None = None) -> None:
        """Answer what was accepted, within `seconds` or the configured time, and end every version."""
        seconds = self._drain_seconds if seconds is None else seconds
        self._save("shutdown")
        self._registering.cancel()
        self._reports.cancel()
        for model in self._models.values():
            model.withdraw_shadowed()
        versions = [version for version in self.versions() if self._models[version.name].role != "repository"]
        self._models.clear()
        await asyncio.gather(*(version.close(seconds) for version in versions), self._closing.wait())

    def _add(self, archive: Archive, config: ModelConfig, registration: Registration) -> ModelVersion:
        name, number = str(archive.manifest.model_name), archive.manifest.version
        model = self._models.get(name) or Model(name, registration.role)
        if number in model.versions:  # the metrics of a version that is made would replace the other's
            raise Conflict(name, number)
        version = self._factory.make(archive, config)
        model.add(version)
        self._models[version.name] = model
        if registration.at_startup:
            self.startup_models.add(version.name)
        if registration.state is not None:
            self._restored.add(name)
            model.is_restoring = not self.started.is_set()
            if registration.state.get("defaultVersion"):
                model.set_default(version.version)
            if registration.state.get("traffic"):
                self._kept_traffic[version.name] = registration.state["traffic"]
        return version

    def _restore_traffic(self, name: str, state: Mapping[str, Any]) -> None:
        """Take up the traffic of a snapshot; where that cannot be, the default version serves, and the log says so."""
        try:
            self.traffic(name).restore(state)
        except (RegistryError, KeyError, TypeError, ValueError) as error:
            LOG.error("The traffic of model %s is not restored: %s", name, error)

    def _changed(self, role: Role = "model") -> None:
        if role == "model":  # snapshots leave workflows out
            self._save("snapshot")

    def _save(self, occasion: Occasion) -> None:
        """Write a snapshot if that is configured; all that the start registers is one change."""
        if self._snapshots is not None and self._recording and self.started.is_set():
            # a few kilobytes after a rare call: in threads two snapshots could overtake each other
            self._snapshots.save(occasion, [model for model in self._models.values() if model.role == "model"])

    async def _install_and_start(self, version: ModelVersion, registration: Registration) -> None:
        """Install the packages that the version requires, then start its workers."""
        config = version.config  # as registered: scaling changes the version's
        if self._factory.installs(version.archive):
            version.start_scaling(0, 0)  # if pip fails, the version stays without workers, as in TorchServe
            obstacles = await install(version.archive, version.name)
            if version not in self.versions():
                raise ModelNotFound(version.name)
            isolate_packages(version, obstacles)
        await self._start_workers(version, config.min_workers, config.max_workers, registration.wait)
        self._changed(registration.role)

    async def _start_workers(
        self, version: ModelVersion, min_workers: int, max_workers: int, wait: bool, *, keep: bool = False
    ) -> None:
        loading = [worker.loaded for worker in version.start_scaling(min_workers, max_workers)]
        self._reports.start(report_loading(version.name, version.version, loading))
        if not wait:
            return
        try:
            await wait_for_workers(version, loading)
        except WorkersFailed:
            if not keep:
                await self._remove(version)
            raise

    async def _remove(self, version: ModelVersion) -> None:
        model = self.model(version.name)
        model.remove(version)
        if not model.versions:
            del self._models[version.name]
            self.startup_models.discard(version.name)
        self._changed(model.role)
        await self._closing.run(version.close(self._drain_seconds))
