"""From a queued job to its answer, on threads; importing it puts the `ts` shim of a checkout on the import path."""

import sys
from importlib.util import find_spec
from pathlib import Path

# A wheel installs `ts` beside this package; a checkout that was never installed keeps it in handler/shim.
if find_spec("ts") is None:
    sys.path.append(str(Path(__file__).parent / "shim"))
