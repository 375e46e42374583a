"""Processes that an archive spawns through `multiprocessing`: they import what the archive can."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from handler.isolation.calling_archive import MODULES


def patch_preparation_data(spawn: ModuleType) -> None:
    """Start the processes of a worker with its path: the process's may lead to strangers of the same names."""
    original: Callable[[str], dict[str, Any]] = vars(spawn)["get_preparation_data"]

    def get_preparation_data(name: str) -> dict[str, Any]:
        modules = MODULES.get()
        told = original(name)
        return told if modules is None else {**told, "sys_path": list(modules.path)}

    setattr(spawn, "get_preparation_data", get_preparation_data)  # noqa: B010 (mypy forbids the plain assignment)
