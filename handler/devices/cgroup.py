"""The limits of a container: CPU quota and memory, from cgroup v2 or v1."""

from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def cpu_quota(root: Path = _ROOT, own: Path = _OWN) -> float | None:
    """CPUs that may be used at once on average, such as 1.5; None without a limit."""
    quotas = [float(limit) / float(period) for limit, period in _quotas(root, own) if _is_limit(limit)]
    return min(quotas, default=None)


def memory_limit(root: Path = _ROOT, own: Path = _OWN) -> int | None:
    """Bytes that the container may use; None without a limit."""
    files = (*_files(root, own, "", "memory.max"), *_files(root, own, "memory", "memory.limit_in_bytes"))
    return min((int(text) for text in files if _is_limit(text)), default=None)


def _quotas(root: Path, own: Path) -> Iterator[list[str]]:
    for text in _files(root, own, "", "cpu.max"):
        yield text.split()
    limits = _files(root, own, "cpu", "cpu.cfs_quota_us")
    periods = _files(root, own, "cpu", "cpu.cfs_period_us")
    yield from ([limit, period] for limit, period in zip(limits, periods, strict=False))


def _files(root: Path, own: Path, controller: str, name: str) -> Iterator[str]:
    """The contents of a file in the group of this process and in all above, where there is such a file."""
    for group in _groups(own, controller):
        folder = root / controller / group
        for place in (folder, *folder.parents):
            if place.is_relative_to(root) and (place / name).is_file():
                yield (place / name).read_text().strip()


def _groups(own: Path, controller: str) -> Iterator[str]:
    """The group of this process in a hierarchy, relative to where that is mounted; version 2 has no controllers."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for _, controllers, group in (line.split(":", 2) for line in lines):
        if controller in controllers.split(","):
            yield group.lstrip("/")


def _is_limit(text: str) -> bool:
    # Version 2 writes "max" where nothing is limited, version 1 a negative number or one beyond all memory.
    return text.isdigit() and int(text) < 1 << 60
