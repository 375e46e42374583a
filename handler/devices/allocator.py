"""The C library's allocator, told to keep the memory that worker threads free.

glibc gives large pieces back to the system at once, above all those of threads, and the next batch's arrays come with a
page fault for every 4096 bytes: numpy's share of a batch takes up to three times as long as in a process of its own.
"""

import ctypes
import os

from handler.isolation.once import once

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""As <malloc.h> numbers them."""
KEPT = 64 << 20
"""Bytes at the top of the heap that are not given back; a thread's heap is no larger than that."""
SEPARATE = 32 << 20
"""Bytes from which on a piece is mapped by itself, and given back; the most that glibc allows."""
CHOSEN_BY_OTHERS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


@once
def keep_freed_memory() -> None:
    """Keep it in this process, unless its environment says something about that; other C libraries are left alone."""
    if any(name in os.environ for name in CHOSEN_BY_OTHERS):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, KEPT)
        mallopt(_MMAP_THRESHOLD, SEPARATE)


def give_back_memory() -> None:
    """Give what is free back to the system: a model has gone, and no batch of its will come for the memory."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
