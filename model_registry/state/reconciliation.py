"""From what a replica has to what the document says: load beside, then switch, then end what is not wanted any more."""

import logging
from collections.abc import Awaitable, Callable

from model_registry.archive.naming import file_name
from model_registry.errors import ArchiveExists, RegistryError
from model_registry.registration import Registration
from model_registry.registry import Registry
from model_registry.state.document import Document, ModelState, VersionState
from model_registry.traffic.rules import TrafficRules, parse_rules
from model_registry.version import ModelVersion

Discard = Callable[[ModelVersion], Awaitable[None]]
SetRules = Callable[[str, TrafficRules], object]
LOG = logging.getLogger("marserve.state")


class Reconciliation:
    """One document to be put in force. What cannot be loaded leaves everything as it was.

    `shared` are the versions that came from a document: no others are ended. `set_rules` puts the rules of a model in
    force, `discard` ends a version. The registry's own methods are called, not
    those of a class that shares changes.
    """

    def __init__(
        self, registry: Registry, document: Document, shared: set[ModelVersion], set_rules: SetRules, discard: Discard
    ) -> None:
        self._registry = registry
        self._document = document
        self._shared = shared
        self._set_rules = set_rules
        self._discard = discard

    def __repr__(self) -> str:
        return f"<Reconciliation with revision {self._document.revision}>"

    async def apply(self) -> None:
        """Put the document in force; raises what is wrong with its rules, or the error of the first failed load."""
        rules = {name: _rules(model) for name, model in self._document.models.items()}
        loaded: list[ModelVersion] = []
        try:
            for name, model in self._document.models.items():
                for number, version in model.versions.items():
                    if self._present(name, number) is None:
                        loaded.append(await self._load(name, number, version))
        except Exception:
            for each in loaded:
                await self._discard(each)
            raise
        for name, model in self._document.models.items():
            await self._switch(name, model, rules[name])
        await self._end_others()

    def _present(self, name: str, number: str) -> ModelVersion | None:
        model = self._registry.get(name)
        return model.versions.get(number) if model is not None else None

    async def _load(self, name: str, number: str, version: VersionState) -> ModelVersion:
        registration = Registration(
            version.url, name, version.handler, version.runtime, version.batch_size, version.max_batch_delay,
            version.min_workers, version.response_timeout, version.startup_timeout, version.isolation,
            version.threads, wait=True,
        )  # fmt: skip
        try:
            made = await Registry.register(self._registry, registration)
        except ArchiveExists:  # it was downloaded by an earlier start
            made = await Registry.register(
                self._registry, Registration(file_name(version.url), name, initial_workers=version.min_workers)
            )
        if made.version != number:
            await self._discard(made)
            raise RegistryError(f"{version.url} is version {made.version} of model {name}, not {number}.")
        self._shared.add(made)
        LOG.info("Loaded %s %s, which another replica has registered.", name, number)
        return made

    async def _switch(self, name: str, wanted: ModelState, rules: TrafficRules) -> None:
        """Default, rules and workers of a model whose versions are all there."""
        model = self._registry.model(name)
        for number, version in wanted.versions.items():
            present = model.versions[number]
            if (present.config.min_workers, present.config.max_workers) != (version.min_workers, version.max_workers):
                await Registry.scale(self._registry, present, version.min_workers, version.max_workers, wait=False)
        if model.default != wanted.default:
            LOG.info("Version %s of model %s is the default now, in place of %s.", wanted.default, name, model.default)
            self._registry.set_default(name, wanted.default)
        traffic = model.traffic
        if traffic is None and rules == TrafficRules():
            return
        is_leading = traffic is not None and traffic.rollout is not None and traffic.rollout.is_active
        if not is_leading and (traffic is None or rules != traffic.rules):
            self._set_rules(name, rules)

    async def _end_others(self) -> None:
        """End the versions that the document does not have any more."""
        for version in [*self._shared]:
            model = self._document.models.get(version.name)
            if model is None or version.version not in model.versions:
                LOG.info("Unregistering %s %s, as another replica has.", version.name, version.version)
                self._shared.discard(version)
                await self._discard(version)


def _rules(model: ModelState) -> TrafficRules:
    """The rules of a model; raises InvalidTrafficRule, and VersionNotLoaded for a version that the model has not."""
    rules = parse_rules(model.rules) if model.rules else TrafficRules()
    rules.check_loaded(model.versions)
    return rules
