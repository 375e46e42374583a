"""Benchmarks of the server; those of SignFlow's models come from its example, which they find beside the server."""

import sys
from pathlib import Path

SIGNFLOW = str(Path(__file__).parents[2] / "deploy" / "signflow")
if SIGNFLOW not in sys.path:
    sys.path.append(SIGNFLOW)
