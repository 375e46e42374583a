"""The files that a warm prediction visits are as few as the architecture's page says."""

import re
import subprocess
import sys

from tests.benchmarks.request_path import ROOT

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
(COUNTED,) = re.findall(r"visits (\d+) files", ARCHITECTURE)
TRIAL = "handler/batching/trial.py"
"""Visited while the autotuner tries another setting, which the machine's load decides."""


def visited_files() -> list[str]:
    """The files in their order, as the command prints them."""
    output = subprocess.check_output([sys.executable, "-m", "tests.benchmarks.request_path"], cwd=ROOT, text=True)
    return [file for file in re.findall(r"^ *\d+ ([^:]+):", output, re.MULTILINE) if file != TRIAL]


def test_the_page_counts_the_files_of_the_path_and_names_them_in_their_order() -> None:
    """A busy machine may add a file to one run: the shortest of three counts."""
    for _ in range(3):
        visited = visited_files()
        if len(visited) <= int(COUNTED):
            break
    assert len(visited) <= int(COUNTED), visited
    drawn = re.findall(r"^ ((?:app|model_registry|handler)/[\w/]+\.py) ", ARCHITECTURE, re.MULTILINE)
    assert drawn
    assert drawn == [file for file in visited if file in drawn]
