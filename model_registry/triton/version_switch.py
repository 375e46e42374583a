"""Exchanges the versions of one model: new ones start beside the old, and all of them switch, or none does."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from handler.tensors.errors import Code, TensorError
from model_registry.tasks.shielded_tasks import ShieldedTasks
from model_registry.triton.model_states import UNLOADED, ModelState, Served, VersionState
from model_registry.triton.repository import ModelDefinition

LOG = logging.getLogger("marserve.repository")


class Launcher(Protocol):
    """Makes versions that serve."""

    async def launch(self, definition: ModelDefinition, number: int) -> Served:
        """A version whose workers have loaded; raises TensorError."""


class Publisher(Protocol):
    """Learns which versions of a model serve."""

    def publish(self, name: str, versions: Mapping[int, Served]) -> None:
        """These versions serve from now on, and no others; none: the model is gone."""


def load_failure(name: str, text: str) -> TensorError:
    """The error of a load that failed after the model's folder was read."""
    return TensorError(f"load failed for model '{name}': {text}")


class VersionSwitch:
    """Starts versions, publishes them, and ends those that they replace. `drain_seconds` is for requests in flight."""

    def __init__(self, launcher: Launcher, publisher: Publisher, drain_seconds: float) -> None:
        self._launcher = launcher
        self._publisher = publisher
        self._drain_seconds = drain_seconds
        self._closing = ShieldedTasks()

    def __repr__(self) -> str:
        return f"<VersionSwitch, {self._closing}>"

    async def launch(self, model: ModelState, definition: ModelDefinition) -> None:
        """Start all versions beside those that serve, and switch when all have loaded; else keep the old ones."""
        for number in definition.versions:
            known = model.versions.setdefault(number, VersionState())
            if known.state != "READY":
                known.state, known.reason = "LOADING", ""
        results = await asyncio.gather(
            *(self._launcher.launch(definition, number) for number in definition.versions), return_exceptions=True
        )
        launched = dict(zip(definition.versions, results, strict=True))
        failures = {number: each for number, each in launched.items() if isinstance(each, BaseException)}
        if failures:
            await self._abandon(model, launched, failures)
        else:
            self._switch(model, definition, launched)  # type: ignore[arg-type] # there are no failures among them

    async def _abandon(
        self, model: ModelState, launched: Mapping[int, Any], failures: Mapping[int, BaseException]
    ) -> None:
        for number, result in launched.items():
            known = model.versions[number]
            if number not in failures:
                await self._closing.run(result.close(0.0))
            if known.state != "READY":
                known.state, known.reason = "UNAVAILABLE", UNLOADED
        reasons = []
        for number, failure in failures.items():
            error = failure if isinstance(failure, TensorError) else TensorError(str(failure), Code.INTERNAL)
            if not isinstance(failure, TensorError):
                LOG.error("Loading version %s of model '%s' failed.", number, model.name, exc_info=failure)
            if model.versions[number].state != "READY":
                model.versions[number].reason = error.reason
            reasons.append(f"version {number} is at UNAVAILABLE state: {error.reason};")
        raise load_failure(model.name, "".join(reasons) + "\n")

    def _switch(self, model: ModelState, definition: ModelDefinition, launched: Mapping[int, Served]) -> None:
        before = model.ready()
        model.definition = definition
        for number, served in launched.items():
            model.versions[number] = VersionState("READY", "", served)
        self._publisher.publish(model.name, launched)
        for number, served in before.items():
            self._close(model, number, served)
        LOG.info("successfully loaded '%s'", model.name)

    def take_out(self, model: ModelState) -> None:
        """Let no version of a model serve any more; requests in flight are answered in the background."""
        served = model.ready()
        if not served:
            return
        self._publisher.publish(model.name, {})
        for number, version in served.items():
            self._close(model, number, version)

    def _close(self, model: ModelState, number: int, served: Served) -> None:
        """End a version in the background; its state follows, unless another one serves under its number."""
        state = model.versions[number]
        if state.served is served:
            state.state = "UNLOADING"

        async def close() -> None:
            await served.close(self._drain_seconds)
            if state.served is served and model.versions[number] is state:
                state.state, state.reason, state.served = "UNAVAILABLE", UNLOADED, None
                LOG.info("successfully unloaded '%s' version %s", model.name, number)

        self._closing.start(close())

    async def wait(self) -> None:
        """Wait until all that was replaced or taken out has ended."""
        await self._closing.wait()
