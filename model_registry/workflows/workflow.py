"""A registered workflow: requests pass through its nodes, each of them a model of its own."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple
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
Observe = Callable[[str, Input], Input]
"""Takes the name of a node and a request to it, and returns the request to send."""


class _Call(NamedTuple):
    """A request to a workflow, and what goes with it to each node."""

    request: Input
    observe: Observe | None
    client: str | None


class Workflow:
    """Answers requests by its nodes, each called as soon as its parents have answered."""

    def __init__(self, spec: WorkflowSpec, archive: Archive, registry: Registry) -> None:
        self.spec = spec
        self.archive = archive
        self.versions: list[ModelVersion] = []
        """The model versions of the nodes."""
        self._registry = registry

    def __repr__(self) -> str:
        return f"<Workflow {self.spec.name} {self.spec.dag}>"

    def model_name(self, node: Node) -> str:
        """The name under which a node is registered."""
        return f"{self.spec.name}__{node.name}"

    async def predict(
        self, request: Input, observe: Observe | None = None, client: str | None = None
    ) -> dict[str, bytes]:
        """The bodies of the last nodes, by their names; statuses and headers of nodes do not count.

        The first node gets the request, any other the bodies of its parents: as "body" if there is one, else each under
        its node's name; `observe` may change each before it is sent. `client` is the address for the traffic rules of
        the nodes. Raises NodeFailed.
        """
        call, dag, answers = _Call(request, observe, client), self.spec.dag, dict[str, asyncio.Task[bytes]]()
        for node in dag.order:
            parents = {parent: answers[parent] for parent in dag.parents[node]}
            answers[node] = asyncio.create_task(self._call_after(parents, node, call))
        try:  # no TaskGroup: in Python 3.11 one that fails leaves its caller's task marked as cancelled
            await asyncio.gather(*answers.values())
        finally:
            for answer in answers.values():
                answer.cancel()
        return {node: answers[node].result() for node in dag.ends}

    async def _call_after(self, parents: Mapping[str, asyncio.Task[bytes]], name: str, call: "_Call") -> bytes:
        bodies = {parent: await answer for parent, answer in parents.items()}
        row = _row(call.request, bodies) if bodies else call.request
        return await self._call(self.spec.nodes[name], row, call)

    async def _call(self, node: Node, row: Input, call: "_Call") -> bytes:
        for _ in range(1 + node.config.retries):
            try:
                async with asyncio.timeout(node.config.timeout / 1000):
                    given = row if call.observe is None else call.observe(node.name, row)
                    return await self._call_once(node, given, call.client)
            except (HandlerError, RegistryError, TimeoutError) as error:
                LOG.warning("Workflow %s: node %s failed: %r", self.spec.name, node.name, error)
        raise NodeFailed(node.name)

    async def _call_once(self, node: Node, row: Input, client: str | None) -> bytes:
        answer = await self._registry.model(self.model_name(node)).predict(row, str(uuid4()), client=client)
        if isinstance(answer, ResponseStream):
            return b"".join([piece async for piece in answer])
        return answer.body


def _row(request: Input, bodies: Mapping[str, bytes]) -> Input:
    names = bodies if len(bodies) > 1 else ("body",)
    parts = (Part(name, "", body) for name, body in zip(names, bodies.values(), strict=True))
    return request._replace(parts=tuple(parts))
