"""A registry that shares its models with other replicas: it changes the document, and follows it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from model_registry.errors import RegistryError
from model_registry.files.atomic_file import atomic_file
from model_registry.model import Model
from model_registry.registration import Registration
from model_registry.registry import Registry
from model_registry.state.document import Document, VersionState
from model_registry.state.document_store import DocumentStore
from model_registry.state.errors import ReplicasBehind, StateUnavailable
from model_registry.state.heartbeats import Heartbeat
from model_registry.state.reconciliation import Reconciliation
from model_registry.state.replica_heartbeats import ReplicaHeartbeats
from model_registry.state.shared_document import Change, SharedDocument
from model_registry.state.traffic_pushes import TrafficPushes
from model_registry.traffic.model_traffic import ModelTraffic
from model_registry.traffic.rules import TrafficRules
from model_registry.version import ModelVersion

LOG = logging.getLogger("marserve.state")
POLL_SECONDS = 0.25
POLL_SECONDS_PER_REPLICA = 0.005
SIMILAR_CHARACTERS = 40
"""Errors that begin alike are logged once: they name times."""


class SharedRegistry(Registry):
    """Models as all replicas have them. A call changes the document first, or where it may fail, this replica first.

    Until `share` nothing is shared: the models of the start are this replica's own. The last document that was put in
    force is kept in `local_copy`, from which a replica starts while the store is away.
    """

    def __init__(self, *arguments: Any, documents: DocumentStore, local_copy: Path, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._local_copy = local_copy
        self._read_at = 0.0
        self._document = SharedDocument(documents)
        self._is_shared = self._is_following = False
        self._following = asyncio.Lock()
        self._shared: set[ModelVersion] = set()
        """Versions that the document has or had: others are just being registered, and not its business yet."""
        self._pushes = TrafficPushes(self._store, self._report)
        self._replicas = ReplicaHeartbeats(documents)
        self.applied_revision = 0
        """The revision of the document that is in force here."""
        self.stored_revision = 0
        """The newest one that was seen."""
        self.state_error = ""
        """Why this replica does not follow, "" while it does."""

    async def register(self, registration: Registration) -> ModelVersion:
        """As Registry.register; the version is shared when it has loaded here.

        Raises StateUnavailable and StateConflict, too; the version is gone again then.
        """
        version = await super().register(registration)
        if not self._shares(registration.role):
            return version
        state = state_of(version, registration)
        try:
            async with self._changed_by(lambda document: document.with_version(version.name, version.version, state)):
                self._shared.add(version)
        except RegistryError:
            await self._discard(version)
            raise
        return version

    async def scale(self, version: ModelVersion, min_workers: int, max_workers: int, *, wait: bool) -> None:
        """As Registry.scale, on all replicas."""
        name, number = version.name, version.version
        if not self._shares(self.model(name).role):
            await super().scale(version, min_workers, max_workers, wait=wait)
            return
        async with self._changed_by(lambda document: document.with_workers(name, number, min_workers, max_workers)):
            await super().scale(version, min_workers, max_workers, wait=wait)

    async def change_default(self, name: str, version: str) -> None:
        """As Registry.change_default, on all replicas."""
        self.model(name).check_known(version)
        if not self._shares(self.model(name).role):
            await super().change_default(name, version)
            return
        async with self._changed_by(lambda document: document.with_default(name, version)):
            await super().change_default(name, version)

    async def unregister(self, name: str, version: str | None = None) -> None:
        """As Registry.unregister, on all replicas."""
        chosen = self.model(name).removable(version)
        if not self._shares(self.model(name).role):
            await super().unregister(name, version)
            return
        async with self._changed_by(lambda document: document.without_version(name, chosen.version)):
            await self._discard(chosen)

    def traffic(self, name: str) -> ModelTraffic:
        """The traffic of a model; its changes are shared."""
        return self.model(name).control_traffic(partial(self._traffic_changed, name))

    def shared_models(self) -> list[Model]:
        """The models of their own: neither parts of workflows nor those of repositories."""
        return [model for model in self._models.values() if model.role == "model"]

    async def _discard(self, version: ModelVersion) -> None:
        """End a version, whatever refers to it, if it is still there."""
        if version in self.versions():
            await self._remove(version)

    def _follow_rules(self, name: str, rules: TrafficRules) -> None:
        """Put traffic rules in force that are shared already."""
        self._is_following = True
        try:
            self.traffic(name).set_rules(rules)
        finally:
            self._is_following = False

    async def share_traffic(self, name: str) -> None:
        """Return when the last change of a model's traffic is stored; raises StateUnavailable, StateConflict."""
        await self._pushes.wait(name)

    async def share(self) -> None:
        """Share from now on: follow the document, or make the first one of the models that are here.

        Raises StateUnavailable, InvalidDocument, and the errors of loading what the document names.
        """
        document = await asyncio.to_thread(self._document.read)
        if document is None:
            document = await asyncio.to_thread(self._document.change, self._add_own)
        self._is_shared, self._read_at = True, monotonic()
        self._shared |= {version for model in self.shared_models() for version in model.versions.values()}
        await self._follow(document)

    async def has_document(self) -> bool:
        """Whether there is a document already; raises StateUnavailable, InvalidDocument."""
        return await asyncio.to_thread(self._document.read) is not None

    async def share_copy(self) -> bool:
        """Put the local copy in force, and share from now on; false where there is none that can be read and loaded."""
        try:
            document = Document.parse(await asyncio.to_thread(self._local_copy.read_bytes))
            await Reconciliation(self, document, self._shared, self._follow_rules, self._discard).apply()
        except (OSError, RegistryError) as error:
            LOG.error("The local copy of the shared state is of no use: %s", error)
            return False
        self._is_shared, self.applied_revision = True, document.revision
        return True

    @property
    def state_age(self) -> float:
        """Seconds since the document was last read."""
        return monotonic() - self._read_at

    @property
    def replica(self) -> str:
        """The name of this replica."""
        return self._replicas.replica

    @property
    def heartbeat_interval(self) -> float:
        """Seconds between two heartbeats of this replica."""
        return self._replicas.interval

    @property
    def conflict_count(self) -> int:
        """Changes by this replica that another one overtook, and that were applied anew."""
        return self._document.conflict_count

    async def follow(self) -> None:
        """Take over what has changed. What fails leaves all as it was, is logged once, and kept in `state_error`."""
        try:
            await self._pushes.flush()
            document = await asyncio.to_thread(self._document.read)
            self._read_at = monotonic()
            if document is not None and (document.revision != self.applied_revision or self.state_error):
                await self._follow(document)
        except RegistryError as error:
            self._report(str(error))
        except Exception as error:  # a full disk, say, must not end the following for ever
            self._report(repr(error))
        else:
            self._report("")

    async def beat(self) -> bool:
        """Write this replica's heartbeat, and now and then count them all; false if it cannot."""
        models = len(self.shared_models())
        try:
            await asyncio.to_thread(self._replicas.write, self.applied_revision, models, self.state_error)
        except OSError as error:
            LOG.debug("No heartbeat: %s", error)
            return False
        return True

    async def heartbeats(self) -> list[Heartbeat]:
        """The heartbeats of all replicas; raises OSError."""
        return await asyncio.to_thread(self._replicas.read)

    async def wait_for_replicas(self, seconds: float) -> None:
        """Return when all replicas that are alive have the newest revision; raises ReplicasBehind, StateUnavailable."""
        revision, behind = self.stored_revision, ["all"]
        deadline = asyncio.get_running_loop().time() + seconds
        await self.beat()
        while behind:
            try:
                alive = [each for each in await self.heartbeats() if each.is_alive]
            except OSError as error:
                raise StateUnavailable(f"The change is stored, but the replicas cannot be seen: {error}") from error
            behind = [each.replica for each in alive if each.revision < revision]
            if behind and asyncio.get_running_loop().time() > deadline:
                raise ReplicasBehind(revision, behind, seconds)
            if behind:
                await asyncio.sleep(POLL_SECONDS + POLL_SECONDS_PER_REPLICA * len(alive))

    async def withdraw(self) -> None:
        """Delete this replica's heartbeat; never raises."""
        try:
            await asyncio.to_thread(self._replicas.delete)
        except OSError as error:
            LOG.debug("The heartbeat stays: %s", error)

    def _shares(self, role: str) -> bool:
        return self._is_shared and role == "model"

    @asynccontextmanager
    async def _changed_by(self, change: Change) -> AsyncIterator[None]:
        """Store a change, which the block then puts in force here; what others have changed comes later."""
        document = await asyncio.to_thread(self._document.change, change)
        self.stored_revision = max(self.stored_revision, document.revision)
        yield
        if document.revision == self.applied_revision + 1:
            self.applied_revision = document.revision
            await asyncio.to_thread(self._keep_copy, document)

    async def _follow(self, document: Document) -> None:
        async with self._following:
            self.stored_revision = max(self.stored_revision, document.revision)
            await Reconciliation(self, document, self._shared, self._follow_rules, self._discard).apply()
            self.applied_revision = document.revision
            await asyncio.to_thread(self._keep_copy, document)
        await self.beat()

    def _keep_copy(self, document: Document) -> None:
        try:
            self._local_copy.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(self._local_copy) as file:
                file.write(document.to_bytes())
        except OSError as error:
            LOG.warning("No local copy of the shared state: %s", error)

    def _report(self, error: str) -> None:
        if error and error[:SIMILAR_CHARACTERS] != self.state_error[:SIMILAR_CHARACTERS]:
            LOG.error("This replica serves what it has, at revision %d: %s", self.applied_revision, error)
        elif self.state_error and not error:
            LOG.info("This replica follows the shared state again, at revision %d.", self.applied_revision)
        self.state_error = error

    def _add_own(self, document: Document) -> Document:
        for model in self.shared_models():
            for version in model.versions.values():
                state = state_of(version, Registration(version.archive.url))
                document = document.with_version(model.name, version.version, state)
            document = document.with_default(model.name, model.default)
        return document

    def _traffic_changed(self, name: str) -> None:
        """Share a change of a model's traffic, unless it comes from the document."""
        self._changed()
        model = self._models.get(name)
        if self._is_shared and not self._is_following and model is not None and model.traffic is not None:
            rules = model.traffic.effective_rules
            self._pushes.push(name, model.default, {} if rules == TrafficRules() else rules.to_json())

    async def _store(self, change: Change) -> None:
        """Store a change that is in force here."""
        async with self._changed_by(change):
            pass


def state_of(version: ModelVersion, registration: Registration) -> VersionState:
    """A version as the document has it."""
    config = version.config
    return VersionState(
        registration.url, config.min_workers, config.max_workers, registration.handler, registration.runtime,
        registration.batch_size, registration.max_batch_delay, registration.response_timeout,
        registration.startup_timeout, registration.isolation, registration.threads,
    )  # fmt: skip
