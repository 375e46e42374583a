"""Whether a model has room in the container's memory: one that certainly has none is not loaded at all."""

import os
from collections.abc import Callable
from pathlib import Path

from handler.devices.cgroup import memory_limit
from model_registry.archive.archive import Archive
from model_registry.errors import InsufficientMemory

_MIB = 1 << 20


def resident() -> int:
    """Bytes of memory that this process occupies now; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


class MemoryGuard:
    """The memory of the container, as far as it is limited.

    A loaded model is taken to need its serialized file's size once, which is less than it does: whoever kills a process
    for its memory gives no reason, so a refusal has to be right.
    """

    def __init__(self, limit: int | None, occupied: Callable[[], int] = resident) -> None:
        self._limit = limit
        self._occupied = occupied

    def __repr__(self) -> str:
        return f"<MemoryGuard {'unlimited' if self._limit is None else _mib(self._limit)}>"

    @classmethod
    def of_container(cls) -> "MemoryGuard":
        """What the control group of this process allows."""
        return cls(memory_limit())

    def check(self, archive: Archive) -> None:
        """Raise InsufficientMemory for an archive whose model cannot fit beside what is there."""
        file = archive.folder / (archive.manifest.serialized_file or "")
        if self._limit is None or not file.is_file():
            return
        need, occupied = file.stat().st_size, self._occupied()
        if need > self._limit - occupied:
            raise InsufficientMemory(
                f"Model {archive.manifest.model_name} cannot fit into memory: {file.name} has {_mib(need)}, and of the "
                f"{_mib(self._limit)} that the container may use {_mib(occupied)} are taken. "
                "Give it more memory, or set check_memory=false to load the model all the same."
            )


def _mib(size: int) -> str:
    return f"{size / _MIB:,.0f} MiB"
