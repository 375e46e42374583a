"""The process that `torchserve --start` leaves behind: run as a module, with the arguments of `torchserve`."""

import os
import sys
from pathlib import Path

from app.commands.options import torchserve_parser
from app.commands.torchserve_process import pid_file
from app.server import serve
from app.settings.loading import torchserve_settings


def main() -> int:
    """Serve until told to stop. The pid file is held by the descriptor that this process inherited."""
    settings = torchserve_settings(torchserve_parser().parse_args(), os.environ, Path.cwd())
    try:
        return serve(settings)
    finally:
        pid_file().release()


if __name__ == "__main__":
    sys.exit(main())
