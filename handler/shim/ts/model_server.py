"""The command `torchserve` as a function."""

import subprocess
import sys

TS_NAMESPACE = "org.pytorch.serve.ModelServer"
"""The argument by which supervisors find the server among the system's processes."""


def start():
    """Run the command with the arguments of this program, and exit with its status."""
    sys.exit(subprocess.call(["torchserve", *sys.argv[1:]]))


def load_properties(file_path):
    """The keys and values of a properties file, as far as lines say "key=value"."""
    with open(file_path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    return {key.strip(): value.strip() for key, _, value in pairs}
