"""Chooses the versions of a model that are served, of those that it has."""

from collections.abc import Iterable
from typing import Any


def served_versions(policy: Any, available: Iterable[int]) -> list[int]:
    """The version numbers that a policy chooses, in ascending order: the latest ones, all, or those that it lists."""
    versions = sorted(available)
    match policy.WhichOneof("policy_choice"):
        case "all":
            return versions
        case "specific":
            listed = set(policy.specific.versions)
            return [version for version in versions if version in listed]
        case _:
            count: int = policy.latest.num_versions if policy.HasField("latest") else 1
            return versions[-count:] if count else []
