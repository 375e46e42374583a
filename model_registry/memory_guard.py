"""Refuses models that certainly do not fit into the container's memory."""

import os
from collections.abc import Callable
from pathlib import Path

from handler.devices.cgroup import memory_limit
from model_registry.archive.archive import Archive
from model_registry.errors import InsufficientMemory


def resident_bytes(*pids: str) -> int | None:
    """Resident memory of this process and the named ones; None where the system does not tell."""
    try:
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in ("self", *pids))
    except (OSError, IndexError):  # a process that has just ended has no pages left
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


class MemoryGuard:
    """The memory limit of the container; None if there is none.

    A loaded model is taken to need its serialized file's size once, which is less than it does: a refusal is certain.
    """

    def __init__(self, limit: int | None, resident: Callable[[], int | None] = resident_bytes) -> None:
        self._limit = limit
        self._resident = resident

    def __repr__(self) -> str:
        return f"<MemoryGuard {'unlimited' if self._limit is None else _mib(self._limit)}>"

    @classmethod
    def of_container(cls) -> "MemoryGuard":
        """The limit of this process's control group; where there is none, the memory of the machine."""
        return cls(memory_limit() or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))

    def check(self, archive: Archive) -> None:
        """Raise InsufficientMemory if the archive's model cannot fit beside what is resident."""
        file = archive.serialized_file
        if self._limit is None or file is None:
            return
        size, resident = file.stat().st_size, self._resident() or 0
        if size > self._limit - resident:
            raise InsufficientMemory(
                f"Model {archive.manifest.model_name} cannot fit into memory: {file.name} has {_mib(size)}, and of the "
                f"{_mib(self._limit)} that the container may use {_mib(resident)} are taken. "
                "Give it more memory, or set check_memory=false to load the model all the same."
            )

    def has_space_for(self, processes: int) -> bool:
        """Whether so many processes fit beside this one, each taken to need as much as this one has resident."""
        return self._limit is None or (self._resident() or 0) * (1 + processes) <= self._limit


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
