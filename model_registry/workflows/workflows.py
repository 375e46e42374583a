"""The workflows of the server: register, find, list, unregister."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from model_registry.archive.archive import Archive
from model_registry.archive.opener import ArchiveOpener
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
from model_registry.pagination import page_of
from model_registry.registration import Registration
from model_registry.registry import Registry
from model_registry.tasks.shielded_tasks import ShieldedTasks
from model_registry.version import ModelVersion
from model_registry.workflows.spec import Node, read_spec
from model_registry.workflows.workflow import Workflow

LOG = logging.getLogger("marserve.workflows")


@dataclass(frozen=True, slots=True)
class WorkflowRegistration:
    """A request to serve a workflow archive; the timeouts, in seconds, count for every node."""

    url: str
    name: str | None = None
    response_timeout: int | None = None
    startup_timeout: int | None = None


class Workflows:
    """The workflows by name; their nodes are models of the registry, and end with them."""

    def __init__(self, registry: Registry, opener: ArchiveOpener) -> None:
        self._registry = registry
        self._opener = opener
        self._workflows: dict[str, Workflow] = {}
        self._reserved_names: set[str] = set()
        self._tasks = ShieldedTasks()

    def __repr__(self) -> str:
        return f"<Workflows {', '.join(self._workflows) or 'none'}>"

    def find(self, name: str) -> Workflow:
        """The workflow of that name; raises WorkflowNotFound."""
        try:
            return self._workflows[name]
        except KeyError:
            raise WorkflowNotFound(name) from None

    def page(self, start: int, limit: int) -> tuple[Sequence[Workflow], int | None]:
        """At most `limit` workflows by name, and the start of the next page."""
        names, following = page_of(sorted(self._workflows), start, limit)
        return [self._workflows[name] for name in names], following

    async def register(self, registration: WorkflowRegistration) -> Workflow:
        """Open the archive, register all nodes, and wait until their workers have loaded; all or nothing.

        Raises WorkflowArchiveNotFound and the other errors of ModelStore.open, InvalidWorkflow, InvalidDag,
        WorkflowExists or WorkflowFailed.
        """
        return await self._tasks.run(self._register(registration))

    async def unregister(self, name: str) -> None:
        """End a workflow and its nodes; raises WorkflowNotFound."""
        workflow = self.find(name)
        del self._workflows[name]
        await self._tasks.run(self._end(workflow))
        LOG.info("Workflow %s unregistered.", name)

    def close(self) -> None:
        """Cancel registrations. The registry ends the nodes, and the store removes the unpacked archives."""
        self._tasks.cancel()

    async def _open(self, url: str) -> Archive:
        try:
            return await self._opener.open(url)
        except EmptyUrl:
            raise WorkflowArchiveNotFound("Workflow not found at: ") from None
        except ArchiveNotFound:
            raise WorkflowArchiveNotFound(f"Workflow not found in workflow store: {url}") from None
        except UrlRefused as error:
            raise WorkflowArchiveNotFound(str(error)) from None

    async def _register(self, registration: WorkflowRegistration) -> Workflow:
        archive = await self._open(registration.url)
        try:
            spec = await self._opener.run(read_spec, archive.folder, registration.name)
            self._reserve_name(spec.name)
        except Exception:
            await asyncio.to_thread(archive.remove)
            raise
        workflow = Workflow(spec, archive, self._registry)
        try:
            await self._start(workflow, registration)
        finally:
            self._reserved_names.discard(workflow.spec.name)
        LOG.info("Workflow %s registered.", workflow.spec.name)
        return workflow

    def _reserve_name(self, name: str) -> None:
        if name in self._workflows or name in self._reserved_names:
            raise WorkflowExists(name)
        self._reserved_names.add(name)

    async def _start(self, workflow: Workflow, registration: WorkflowRegistration) -> None:
        name, nodes = workflow.spec.name, workflow.spec.nodes.values()
        registering = (self._registry.register(_node_registration(workflow, node, registration)) for node in nodes)
        results = await asyncio.gather(*registering, return_exceptions=True)
        workflow.versions = [result for result in results if isinstance(result, ModelVersion)]
        if len(workflow.versions) < len(nodes):
            await self._end(workflow)
            raise WorkflowFailed(name, _failures(workflow, results))
        self._workflows[name] = workflow

    async def _end(self, workflow: Workflow) -> None:
        async def end(version: ModelVersion) -> None:
            try:
                await self._registry.unregister(version.name, version.version)
            except RegistryError:  # it may have been unregistered already
                pass
            except Exception:
                LOG.exception("The node %s of a workflow has not ended in order.", version.name)

        await asyncio.gather(*map(end, workflow.versions), return_exceptions=True)
        await asyncio.to_thread(workflow.archive.remove)


def _node_registration(workflow: Workflow, node: Node, registration: WorkflowRegistration) -> Registration:
    name = workflow.model_name(node)
    node_registration = Registration(
        str(node.url), name, batch_size=node.config.batch_size, max_batch_delay=node.config.max_batch_delay,
        initial_workers=node.config.max_workers, response_timeout=registration.response_timeout,
        startup_timeout=registration.startup_timeout, role="node",
    )  # fmt: skip
    if node.url is not None:
        return node_registration
    # as in TorchServe the configuration is not for functions
    return replace(
        node_registration, url=str(workflow.archive.folder), handler=f"{workflow.spec.handler}:{node.name}",
        batch_size=1, max_batch_delay=0, initial_workers=1, role="function",
    )  # fmt: skip


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
