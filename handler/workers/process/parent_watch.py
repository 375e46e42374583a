"""The process of a worker never outlives its server, whatever its handler is doing."""

import ctypes
import os
import signal
import sys
from threading import Thread

from handler.workers.process.channel import Channel

_PR_SET_PDEATHSIG = 1  # from Linux's prctl.h


def end_with_server(channel: Channel) -> None:
    """Have this process and its own children killed once the server has closed the channel, or is gone."""
    if sys.platform == "linux":
        # Also where native code never lets the thread below run. The worker's thread counts as the parent.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    Thread(target=_wait, args=(channel,), name="parent watch", daemon=True).start()


def _wait(channel: Channel) -> None:
    for _ in channel:  # the server sends nothing on it
        pass
    os.killpg(0, signal.SIGKILL)
