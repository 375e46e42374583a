"""Processor time and memory of the machine and of a server's processes, from /proc."""

import datetime
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

TICK = os.sysconf("SC_CLK_TCK")


def busy_seconds() -> float:
    """Seconds that all cores together have been busy since the machine started, the hypervisor's share included."""
    fields = [int(text) for text in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICK


def wait_until_quiet(limit: float, timeout: float) -> float:
    """Wait until other processes use at most `limit` cores, or for `timeout` seconds; returns their cores."""
    deadline = time.monotonic() + timeout
    while True:
        before, began = busy_seconds(), time.perf_counter()
        time.sleep(0.5)
        used = (busy_seconds() - before) / (time.perf_counter() - began)
        if used <= limit or time.monotonic() > deadline:
            return used


class Watch:
    """Measures the cores that processes other than this one and its ended children use."""

    def __init__(self) -> None:
        self._before, self._began = self._foreign(), time.perf_counter()

    def others(self) -> float:
        """The average number of cores since the start of the watch."""
        return (self._foreign() - self._before) / (time.perf_counter() - self._began)

    def _foreign(self) -> float:
        return busy_seconds() - sum(os.times()[:4])


def describe() -> dict[str, Any]:
    """The processor, the system and the date."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
        "processor": names[0] if names else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
    }


def headline(machine: dict[str, Any]) -> str:
    """The machine in a line."""
    return f"{machine['processor']}, {machine['cores']} cores; {machine['system']}; {machine['date']}"


class Tree:
    """A process and its descendants: the processes of its session, and those that they have started."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def pids(self) -> list[int]:
        """The ids of the processes that run."""
        return [each.pid for each in self._members()]

    def cpu(self) -> float:
        """Seconds of all cores that they and their ended children have used."""
        return sum(each.ticks for each in self._members()) / TICK

    def memory(self) -> int:
        """Bytes in memory, with shared pages divided among their processes (PSS)."""
        return sum(map(_pss, self.pids()))

    def _members(self) -> list["Process"]:
        processes, known = _processes(), {self.pid}
        while True:
            members = [each for each in processes if each.pid in known or {each.session, each.parent} & known]
            if len(members) == len(known & {each.pid for each in processes}):
                return members
            known |= {each.pid for each in members}


class Process(NamedTuple):
    """A process of the machine; its ticks are of the processor's time, those of its ended children included."""

    pid: int
    parent: int
    session: int
    ticks: int


def _processes() -> list[Process]:
    """Every process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            found.append(Process(int(entry.name), int(fields[1]), int(fields[3]), sum(map(int, fields[11:15]))))
    return found


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def eventually(condition: Callable[[], bool], timeout: float, pause: float = 0.01) -> bool:
    """Whether the condition comes to hold within so many seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
