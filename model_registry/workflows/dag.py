"""A directed acyclic graph from one start node to any number of ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from model_registry.errors import InvalidDag


@dataclass(frozen=True, slots=True)
class Dag:
    """A valid graph; `edges` lead from each node to its followers, in the order of the specification."""

    edges: Mapping[str, tuple[str, ...]]
    order: tuple[str, ...]
    """All nodes, each after its parents."""

    @classmethod
    def of(cls, edges: Mapping[str, Any]) -> "Dag":
        """The graph of a YAML map `{node: [followers]}`; raises InvalidDag."""
        checked = {node: _followers(node, followers) for node, followers in edges.items()}
        parents = _parents(checked)
        if sum(not before for before in parents.values()) != 1:
            raise InvalidDag("DAG should have only one start node")
        try:
            return cls(checked, tuple(TopologicalSorter(parents).static_order()))
        except CycleError as cycle:
            raise InvalidDag("Not a valid DAG") from cycle

    @property
    def parents(self) -> dict[str, list[str]]:
        """The parents of each node, in the order of the specification."""
        return _parents(self.edges)

    @property
    def ends(self) -> list[str]:
        """The nodes without followers."""
        return [node for node in self.order if not self.edges.get(node)]

    def __str__(self) -> str:
        return "{" + ", ".join(f"{node}=[{', '.join(followers)}]" for node, followers in self.edges.items()) + "}"


def _parents(edges: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    parents: dict[str, list[str]] = {node: [] for node in edges}
    for node, followers in edges.items():
        for follower in followers:
            parents.setdefault(follower, []).append(node)
    return parents


def _followers(node: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | None) or any(isinstance(name, list | dict) for name in value or ()):
        raise InvalidDag(f"{node} needs a list of the nodes that follow on it")
    followers = tuple(map(str, value or ()))
    if node in followers:
        raise InvalidDag("Self loop exception")
    if len(set(followers)) < len(followers):
        raise InvalidDag("loop exception")
    return followers
