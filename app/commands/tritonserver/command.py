"""The `tritonserver` command."""

import sys
from collections.abc import Sequence

from app.commands.tritonserver.configuration import settings_of
from app.commands.tritonserver.flags import parser
from app.settings.errors import ConfigurationError


def main(argv: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status."""
    try:
        settings = settings_of(parser().parse_args(argv))
    except ConfigurationError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    try:
        from app.triton_server import serve
    except ImportError as error:
        sys.stderr.write(f"error: {error}; `pip install 'marserve[triton]'` adds what is needed.\n")
        return 1
    return serve(settings)
