"""The deviations on purpose, as the table of docs/triton.md: `python -m tests.conformance.triton.deviations`."""

import tomllib
from pathlib import Path

from tests.conformance.triton.recording import NAMES, load

LISTED = Path(__file__).with_name("deviations.toml")
COLUMNS = ("about", "triton", "here", "why")


def table() -> str:
    """Markdown: a line for each deviation."""
    deviations = tomllib.loads(LISTED.read_text(encoding="utf-8"))["deviation"]
    lines = [("", "Triton", "marserve", "why"), ("---",) * len(COLUMNS)]
    lines += [tuple(each[column] for column in COLUMNS) for each in deviations]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


def summary() -> str:
    """The extent of the recordings."""
    steps = [step for name in NAMES for step in load(name).steps]
    answered = sum("expect" in step for step in [*steps, *(inner for step in steps for inner in step.get("steps", ()))])
    return f"{len(NAMES)} scenarios with {answered} answers"


if __name__ == "__main__":
    print(table(), summary(), sep="\n")
