"""Repositories that `torch.hub` loads: their modules are those of the archive that asked for them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any

from handler.isolation.calling_archive import calling_archive


def patch_hub(hub: ModuleType) -> None:
    """Put a repository on the archive's path for as long as `torch.hub` has it on the process's."""
    original: Any = vars(hub)["_add_to_sys_path"]

    def add(path: str) -> AbstractContextManager[None]:
        modules = calling_archive()
        return original(path) if modules is None else _added(path, modules.path)

    setattr(hub, "_add_to_sys_path", add)  # noqa: B010 (mypy forbids the plain assignment)


@contextmanager
def _added(entry: str, path: list[str]) -> Iterator[None]:
    path.insert(0, entry)
    try:
        yield
    finally:
        path.remove(entry)
