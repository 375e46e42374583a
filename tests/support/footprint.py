"""Resources that a process holds: modules, threads, open files, children, temporary folders, memory."""

import gc
import os
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Footprint:
    """The resources at one moment; `folders` are the unpacked archives below a temporary folder."""

    modules: frozenset[str]
    threads: Counter[str]
    files: Counter[str]
    children: frozenset[int]
    folders: frozenset[str]
    memory: int = field(compare=False)
    """Bytes of the process itself that are in memory."""

    @classmethod
    def now(cls, temporary: Path | None = None) -> "Footprint":
        """The present resources, after a garbage collection."""
        gc.collect()
        names = [thread.name for thread in threading.enumerate()]
        return cls(
            modules=frozenset(sys.modules),
            threads=Counter(name for name in names if not name.startswith("asyncio_")),  # the event loop keeps a few
            files=Counter(map(_kind, open_files())),
            children=frozenset(children(os.getpid())),
            folders=frozenset(path.name for path in (temporary / "models").iterdir()) if temporary else frozenset(),
            memory=memory(),
        )

    def grown(self, before: "Footprint") -> dict[str, object]:
        """The resources that were not there before, by kind."""
        more = {
            "modules": sorted(self.modules - before.modules),
            "threads": self.threads - before.threads,
            "files": self.files - before.files,
            "children": sorted(self.children - before.children),
            "folders": sorted(self.folders - before.folders),
        }
        return {kind: found for kind, found in more.items() if found}


def open_files() -> list[str]:
    """The target of each descriptor of this process."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(link.readlink()))
        except OSError:  # the one that lists them
            continue
    return found


def children(pid: int) -> set[int]:
    """The processes that a process has started and not waited for, zombies included."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for file in files for child in file.read_text().split()}


def has_ended(pid: int) -> bool:
    """Whether there is no such process, or only a zombie."""
    try:
        return ") Z" in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def memory() -> int:
    """The resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _kind(target: str) -> str:
    """Sockets and pipes have numbers of their own; only how many there are can be compared."""
    return target.partition(":")[0]
