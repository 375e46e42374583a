"""A directed graph without circles, from one first node to any number of ends."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from model_registry.errors import InvalidDag


@dataclass(frozen=True, slots=True)
class Dag:
    """`edges` are as they were written: for a node, those that follow on it."""

    edges: Mapping[str, tuple[str, ...]]
    order: tuple[str, ...]
    """All nodes, each after those that it follows on."""

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> "Dag":
        """The graph of a YAML map `{node: [nodes that follow]}`; raises InvalidDag."""
        edges = {node: _followers(node, after) for node, after in written.items()}
        parents = _parents(edges)
        if sum(not before for before in parents.values()) != 1:
            raise InvalidDag("DAG should have only one start node")
        try:
            return cls(edges, tuple(TopologicalSorter(parents).static_order()))
        except CycleError as circle:
            raise InvalidDag("Not a valid DAG") from circle

    @property
    def parents(self) -> dict[str, list[str]]:
        """For each node those that it follows on, as they were written."""
        return _parents(self.edges)

    @property
    def ends(self) -> list[str]:
        """The nodes that nothing follows on."""
        return [node for node in self.order if not self.edges.get(node)]

    def __str__(self) -> str:
        return "{" + ", ".join(f"{node}=[{', '.join(after)}]" for node, after in self.edges.items()) + "}"


def _parents(edges: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    parents: dict[str, list[str]] = {node: [] for node in edges}
    for node, followers in edges.items():
        for follower in followers:
            parents.setdefault(follower, []).append(node)
    return parents


def _followers(node: str, written: object) -> tuple[str, ...]:
    if not isinstance(written, list | None):
        raise InvalidDag(f"{node} needs a list of the nodes that follow on it")
    followers = tuple(map(str, written or ()))
    if node in followers:
        raise InvalidDag("Self loop exception")
    if any(times > 1 for times in Counter(followers).values()):
        raise InvalidDag("loop exception")
    return followers
