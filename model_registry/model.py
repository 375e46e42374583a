"""A model: a name, its versions, and their default."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from handler.job import Input, Output
from model_registry.errors import (
    ControlledByRepository,
    InvalidVersionRemoval,
    UnknownDefault,
    VersionInTraffic,
    VersionNotFound,
)
from model_registry.registration import Role
from model_registry.reply import PendingReply, ResponseStream
from model_registry.version import ModelVersion

if TYPE_CHECKING:
    from model_registry.traffic.model_traffic import ModelTraffic


class Model:
    """The versions registered under one name; the first is the default until another is set."""

    def __init__(self, name: str, role: Role = "model") -> None:
        self.name = name
        self.role = role
        self.versions: dict[str, ModelVersion] = {}
        self.default = ""
        self.traffic: ModelTraffic | None = None
        """Rules and rollouts, with what they show; None as long as nothing was ever asked of them."""
        self.is_restoring = False
        """True while further versions, or the traffic that they had before a restart, are still to come."""

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

    def submit(
        self, request: Input, request_id: str, version: str | None = None, client: str | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> PendingReply:  # fmt: skip
        """Accept a request, for the version that it names or the traffic rules choose.

        `client` is its address, `metadata` is headers that rules see and handlers do not. Raises VersionNotFound and
        NoWorker.
        """
        if version is None and self.traffic is not None and not self.traffic.is_idle:
            return self.traffic.submit(request, request_id, client, metadata)
        return self.choose(version).submit(request, request_id, version or "default")

    @property
    def active_traffic(self) -> "ModelTraffic | None":
        """The traffic, where it decides which version serves a request that names none; else the default does."""
        return None if self.traffic is None or self.traffic.is_idle else self.traffic

    async def predict(
        self, request: Input, request_id: str, version: str | None = None, client: str | None = None
    ) -> Output | ResponseStream:
        """The handler's answer to a request; raises VersionNotFound, and what ModelVersion.predict raises."""
        reply = self.submit(request, request_id, version, client)
        try:
            return await reply.future
        finally:
            reply.detach()

    def control_traffic(self, on_change: Callable[[], object]) -> "ModelTraffic":
        """The traffic of the model, made where it has none; `on_change` is called after each change of its state."""
        if self.traffic is None:
            from model_registry.traffic.model_traffic import ModelTraffic  # few servers need it

            self.traffic = ModelTraffic(self.name, self.versions, self.choose, self.set_default, on_change)
        return self.traffic

    def withdraw_shadowed(self) -> None:
        """Drop what still waits for a shadow: the server stops."""
        if self.traffic is not None and self.traffic.mirror is not None:
            self.traffic.mirror.drop_waiting()

    def check_no_rollout(self) -> None:
        """Raise RolloutConflict during a rollout: what it goes back to must not become another version."""
        if self.traffic is not None:
            self.traffic.check_no_rollout()

    def check_unused(self, version: str) -> None:
        """Raise VersionInTraffic for a version that rules or a rollout need."""
        if self.traffic is not None and version in self.traffic.versions_in_use:
            raise VersionInTraffic(self.name, version)

    def replace_versions(self, versions: Mapping[str, Any]) -> None:
        """Have these versions and no others; the last is the default, unless an older one was made it and is there."""
        was_newest = self.default == next(reversed(self.versions), "")
        self.versions.clear()
        self.versions.update(versions)
        if was_newest or self.default not in self.versions:
            self.default = next(reversed(self.versions))

    def removable(self, version: str | None) -> ModelVersion:
        """The version, if it can be unregistered.

        Raises ControlledByRepository, VersionNotFound, InvalidVersionRemoval and VersionInTraffic.
        """
        if self.role == "repository":
            raise ControlledByRepository(self.name)
        chosen = self.choose(version)
        if chosen.version == self.default and len(self.versions) > 1:
            raise InvalidVersionRemoval(self.name)
        self.check_unused(chosen.version)
        return chosen

    def set_default(self, version: str) -> None:
        """Make a version the default; raises UnknownDefault."""
        self.check_known(version)
        self.default = version

    def check_known(self, version: str) -> None:
        """Raise UnknownDefault for a version that is not there."""
        if version not in self.versions:
            raise UnknownDefault(self.name, version)

    def remove(self, version: ModelVersion) -> None:
        """Remove a version; the oldest left becomes the default if it was that."""
        del self.versions[version.version]
        if version.version == self.default:
            self.default = next(iter(self.versions), "")
