"""A registered workflow: one request goes from node to node, each of them a model of its own."""

import asyncio
import logging
from collections.abc import Mapping
from uuid import uuid4

from handler.errors import HandlerError
from handler.job import Input, Part
from model_registry.archive.archive import Archive
from model_registry.errors import NodeFailed, RegistryError
from model_registry.registry import Registry
from model_registry.reply import ResponseStream
from model_registry.version import ModelVersion
from model_registry.workflows.spec import Node, WorkflowSpec

LOG = logging.getLogger("marserve.workflows")


class Workflow:
    """Answers requests by asking the nodes, each as soon as those before it have answered."""

    def __init__(self, spec: WorkflowSpec, archive: Archive, registry: Registry) -> None:
        self.spec = spec
        self.archive = archive
        self.versions: list[ModelVersion] = []
        """What serves the nodes."""
        self._registry = registry

    def __repr__(self) -> str:
        return f"<Workflow {self.spec.name} {self.spec.dag}>"

    def model_name(self, node: Node) -> str:
        """The name under which a node is registered."""
        return f"{self.spec.name}__{node.name}"

    async def predict(self, request: Input) -> dict[str, bytes]:
        """The bodies that the last nodes answer, by their names; statuses and headers of nodes do not count.

        The first node gets the request, any other the bodies of those before it: "body" if it is one, else each under
        its node's name. Raises NodeFailed.
        """
        dag, answers = self.spec.dag, dict[str, asyncio.Task[bytes]]()
        try:
            async with asyncio.TaskGroup() as group:
                for node, before in ((node, dag.parents[node]) for node in dag.order):
                    waited = {parent: answers[parent] for parent in before}
                    answers[node] = group.create_task(self._follow(node, request, waited))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return {node: answers[node].result() for node in dag.ends}

    async def _follow(self, name: str, request: Input, waited: Mapping[str, asyncio.Task[bytes]]) -> bytes:
        before = {parent: await answer for parent, answer in waited.items()}
        return await self._ask(self.spec.nodes[name], _row(request, before) if before else request)

    async def _ask(self, node: Node, row: Input) -> bytes:
        for _ in range(1 + node.numbers.attempts):
            try:
                async with asyncio.timeout(node.numbers.timeout / 1000):
                    return await self._ask_once(node, row)
            except (HandlerError, RegistryError, TimeoutError) as error:
                LOG.warning("Workflow %s: node %s failed: %r", self.spec.name, node.name, error)
        raise NodeFailed(node.name)

    async def _ask_once(self, node: Node, row: Input) -> bytes:
        answer = await self._registry.resolve(self.model_name(node)).predict(row, str(uuid4()))
        if isinstance(answer, ResponseStream):
            return b"".join([piece async for piece in answer])
        return answer.body


def _row(request: Input, before: Mapping[str, bytes]) -> Input:
    names = before if len(before) > 1 else ("body",)
    parts = (Part(name, "", body) for name, body in zip(names, before.values(), strict=True))
    return request._replace(parts=tuple(parts))
