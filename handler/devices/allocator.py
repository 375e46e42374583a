"""The settings of the C library's allocator: keep the memory that worker threads free.

glibc gives large pieces back to the system at once, above all those of threads, and the next batch's arrays come with a
page fault for every 4096 bytes: numpy's share of a batch takes up to three times as long as in a process of its own.
"""

import ctypes
import os

from handler.isolation.once import once

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""As <malloc.h> numbers them."""
TRIM_BYTES = 64 << 20
"""The top of the heap that is not given back; a thread's heap is no larger than that."""
MMAP_BYTES = 32 << 20
"""The size from which on a piece is mapped by itself, and given back; the largest that glibc allows."""
ALLOCATOR_VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


@once
def disable_malloc_trim() -> None:
    """Keep freed memory in this process, unless its environment sets that; only glibc is concerned."""
    if any(name in os.environ for name in ALLOCATOR_VARIABLES):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, TRIM_BYTES)
        mallopt(_MMAP_THRESHOLD, MMAP_BYTES)


def trim_malloc() -> None:
    """Give free memory back to the system, once a model was unregistered."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
