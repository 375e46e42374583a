"""The workflows of the server: register, find, list, unregister."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from model_registry.archive.archive import Archive
from model_registry.archive.store import ModelStore
from model_registry.config import RequestConfig
from model_registry.errors import (
    ArchiveNotFound,
    EmptyUrl,
    RegistryError,
    UrlRefused,
    WorkersFailed,
    WorkflowArchiveNotFound,
    WorkflowExists,
    WorkflowFailed,
    WorkflowNotFound,
)
from model_registry.factory import Registration
from model_registry.pagination import page_of
from model_registry.registry import Registry
from model_registry.version import ModelVersion
from model_registry.workflows.spec import Node, read_spec
from model_registry.workflows.workflow import Workflow

LOG = logging.getLogger("marserve.workflows")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WorkflowRegistration:
    """A request to serve a workflow archive; the timeouts, in seconds, are those of every node."""

    url: str
    name: str | None = None
    response_timeout: int | None = None
    startup_timeout: int | None = None


class Workflows:
    """The workflows by name; their nodes are models of the registry, and end with them."""

    def __init__(self, registry: Registry, store: ModelStore) -> None:
        self._registry = registry
        self._store = store
        self._workflows: dict[str, Workflow] = {}
        self._coming: dict[str, Workflow] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def __repr__(self) -> str:
        return f"<Workflows {', '.join(self._workflows) or 'none'}>"

    def find(self, name: str) -> Workflow:
        """The workflow of that name; raises WorkflowNotFound."""
        try:
            return self._workflows[name]
        except KeyError:
            raise WorkflowNotFound(name) from None

    def page(self, start: int, limit: int) -> tuple[Sequence[Workflow], int | None]:
        """Workflows by name, `limit` from `start` on, and where the next page starts."""
        names, following = page_of(sorted(self._workflows), start, limit)
        return [self._workflows[name] for name in names], following

    async def register(self, wanted: WorkflowRegistration) -> Workflow:
        """Open the archive, register all nodes, and wait until their workers have loaded; all or nothing.

        Raises WorkflowArchiveNotFound and the other errors of ModelStore.open, InvalidWorkflow, InvalidDag,
        WorkflowExists or WorkflowFailed.
        """
        return await self._go_on(self._register(wanted))

    async def unregister(self, name: str) -> None:
        """End a workflow and its nodes; raises WorkflowNotFound."""
        workflow = self.find(name)
        del self._workflows[name]
        await self._go_on(self._end(workflow))
        LOG.info("Workflow %s unregistered.", name)

    def close(self) -> None:
        """Cut registrations short. The registry ends the nodes, and the store removes what is unpacked."""
        for task in self._tasks:
            task.cancel()

    def _open(self, url: str) -> Archive:
        try:
            return self._store.open(url)
        except EmptyUrl:
            raise WorkflowArchiveNotFound("Workflow not found at: ") from None
        except ArchiveNotFound:
            raise WorkflowArchiveNotFound(f"Workflow not found in workflow store: {url}") from None
        except UrlRefused as error:
            raise WorkflowArchiveNotFound(str(error)) from None

    async def _register(self, wanted: WorkflowRegistration) -> Workflow:
        archive = await asyncio.to_thread(self._open, wanted.url)
        try:
            workflow = Workflow(read_spec(archive.folder, wanted.name), archive, self._registry)
            self._reserve(workflow)
        except Exception:
            await asyncio.to_thread(archive.remove)
            raise
        try:
            await self._start(workflow, wanted)
        finally:
            del self._coming[workflow.spec.name]
        LOG.info("Workflow %s registered.", workflow.spec.name)
        return workflow

    def _reserve(self, workflow: Workflow) -> None:
        name = workflow.spec.name
        if name in self._workflows or name in self._coming:
            raise WorkflowExists(name)
        self._coming[name] = workflow

    async def _start(self, workflow: Workflow, wanted: WorkflowRegistration) -> None:
        name, nodes = workflow.spec.name, workflow.spec.nodes.values()
        registering = (self._registry.register(_registration(workflow, node, wanted)) for node in nodes)
        results = await asyncio.gather(*registering, return_exceptions=True)
        workflow.versions = [result for result in results if isinstance(result, ModelVersion)]
        if len(workflow.versions) < len(nodes):
            await self._end(workflow)
            raise WorkflowFailed(name, _failures(workflow, results))
        self._workflows[name] = workflow

    async def _end(self, workflow: Workflow) -> None:
        async def end(version: ModelVersion) -> None:
            with suppress(RegistryError):  # somebody may have unregistered it already
                await self._registry.unregister(version.name, version.version)

        await asyncio.gather(*map(end, workflow.versions))
        await asyncio.to_thread(workflow.archive.remove)

    async def _go_on(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work`, which goes on when the caller leaves."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)


def _registration(workflow: Workflow, node: Node, wanted: WorkflowRegistration) -> Registration:
    numbers, name = node.numbers, workflow.model_name(node)
    config = RequestConfig(
        numbers.batch_size, numbers.max_batch_delay, numbers.max_workers,
        wanted.response_timeout, wanted.startup_timeout,
    )  # fmt: skip
    if node.url is not None:
        return Registration(node.url, name, config=config, role="node")
    # As TorchServe does: the numbers are not for functions.
    config = replace(config, batch_size=1, max_batch_delay=0, initial_workers=1)
    handler = f"{workflow.spec.handler}:{node.name}"
    return Registration(str(workflow.archive.folder), name, handler, config=config, role="function")


def _failures(workflow: Workflow, results: Sequence[object]) -> list[str]:
    failed = zip(workflow.spec.nodes.values(), results, strict=True)
    return [_failure(workflow.model_name(node), error) for node, error in failed if isinstance(error, BaseException)]


def _failure(name: str, error: BaseException) -> str:
    if isinstance(error, WorkersFailed):
        return str(error)
    if isinstance(error, RegistryError):
        return f"Workflow Node {name} failed to register. Details: {error}"
    LOG.error("The workflow node %s failed to register.", name, exc_info=error)
    return f"Workflow Node {name} failed to register. Details: Check error logs."
