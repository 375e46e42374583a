"""The process that `torchserve --start` leaves behind: `marserve background`, with the arguments of `torchserve`."""

import os
from collections.abc import Sequence
from pathlib import Path

from ts.model_server import TS_NAMESPACE

from app.commands.options import torchserve_parser
from app.commands.torchserve_process import pid_file
from app.server import serve
from app.settings.loading import torchserve_settings


def main(words: Sequence[str]) -> int:
    """Serve until a signal ends it; returns the exit status. The inherited descriptor holds the pid file."""
    arguments = [word for word in words if word != TS_NAMESPACE]
    settings = torchserve_settings(torchserve_parser().parse_args(arguments), os.environ, Path.cwd())
    try:
        return serve(settings)
    finally:
        pid_file().release()
