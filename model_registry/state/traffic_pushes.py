"""The changes of models' traffic that this replica makes: they are shared in their order, and none is forgotten."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from model_registry.errors import RegistryError
from model_registry.state.document import Document
from model_registry.state.errors import StateConflict
from model_registry.state.shared_document import Change


class TrafficPushes:
    """Stores each change by `store`; one that fails is reported, and kept for another attempt.

    So it is with a rollout that goes back while the store is away: the document still has the weights of the bad
    version, and must not be followed before it has the new ones.
    """

    def __init__(self, store: Callable[[Change], Awaitable[object]], report: Callable[[str], object]) -> None:
        self._store = store
        self._report = report
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._unshared: dict[str, Change] = {}

    def __repr__(self) -> str:
        return f"<TrafficPushes, {len(self._unshared)} to be tried again>"

    def push(self, name: str, default: str, rules: Mapping[str, Any]) -> None:
        """Share the rules of a model, and the default version that belongs to them, after its earlier changes."""

        def change(document: Document) -> Document:
            return document.with_rules(name, default, rules)

        self._start(name, change).add_done_callback(partial(self._report_failure, name))

    async def wait(self, name: str) -> None:
        """Return when the last change of a model is stored; raises StateUnavailable, StateConflict.

        A change is not tried again where its caller gets the error.
        """
        try:
            if name in self._tasks:
                await self._tasks[name]
        except RegistryError:
            self._unshared.pop(name, None)
            raise

    async def flush(self) -> None:
        """Return when all changes are stored, those too that have failed; raises StateUnavailable.

        One that the document refuses is given up then: others have unregistered its version.
        """
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        for name, change in [*self._unshared.items()]:
            try:
                await self._start(name, change)
            except StateConflict:
                self._unshared.pop(name, None)

    def _start(self, name: str, change: Change) -> "asyncio.Task[None]":
        self._tasks[name] = task = asyncio.ensure_future(self._push_after(self._tasks.get(name), name, change))
        return task

    async def _push_after(self, earlier: "asyncio.Task[None] | None", name: str, change: Change) -> None:
        if earlier is not None:
            await asyncio.wait([earlier])
        self._unshared[name] = change
        await self._store(change)
        self._unshared.pop(name, None)

    def _report_failure(self, name: str, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self._report(f"the traffic of model {name} is not shared: {task.exception()}")
