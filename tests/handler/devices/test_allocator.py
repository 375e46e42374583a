"""Memory that worker threads free stays in the process: the next batch finds its pages mapped."""

import os
import subprocess
import sys

import pytest

CODE = """
import resource, threading
from handler.devices.allocator import disable_malloc_trim

def batches():
    for _ in range(40):
        arrays = [bytearray(1 << 20) for _ in range(4)]

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    thread = threading.Thread(target=batches)
    thread.start()
    thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

without = faults()
disable_malloc_trim()
print(without, faults())
"""
PAGES = 40 * 4 * 256
"""That a process touches if it gets all of them anew each time."""


def faults(**environment: str) -> tuple[int, int]:
    """Page faults of a thread before the change and after it, in a process of its own."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    told = subprocess.check_output([sys.executable, "-c", CODE], env=plain | environment, text=True)
    without, kept = map(int, told.split())
    return without, kept


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's")
def test_pages_stay_mapped_unless_the_environment_says_something() -> None:
    without, kept = faults()
    assert without > PAGES / 4
    assert kept < PAGES / 10
    _, told_otherwise = faults(MALLOC_TRIM_THRESHOLD_="131072")
    assert told_otherwise > PAGES / 4


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's")
def test_what_is_free_can_be_given_back() -> None:
    code = """
import threading
from pathlib import Path
from handler.devices.allocator import trim_malloc, disable_malloc_trim

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

left = []

def work():
    arrays = [bytearray(64 << 10) for _ in range(640)]
    left.append(arrays.pop())  # what is free lies below something that is not

disable_malloc_trim()
thread = threading.Thread(target=work)
thread.start()
thread.join()
kept = resident()
trim_malloc()
print(kept - resident())
"""
    assert int(subprocess.check_output([sys.executable, "-c", code], text=True)) > 20 << 20
