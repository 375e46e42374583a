"""The memory of processes, by their id."""

import logging
import os
from pathlib import Path

logger = logging.getLogger(__name__)


def get_cpu_usage(pid):
    """The bytes of memory (sic) of a process; 0, with an error logged, where it cannot be asked. Linux only."""
    try:
        pages = Path(f"/proc/{int(pid)}/statm").read_text().split()[1]
    except OSError:
        logger.exception("Failed get process for pid: %s", pid)
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def check_process_mem_usage(stdin):
    """Log "pid:bytes" for each process id in the first line of a stream, where they are separated by commas."""
    for pid in stdin.readline().strip().split(","):
        logger.info("%s:%d", pid, get_cpu_usage(pid))
