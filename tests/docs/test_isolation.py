"""docs/isolation.md holds the tables that the server decides by."""

import json
from collections.abc import Iterator
from pathlib import Path

from handler.isolation.process.guards import GUARDS, LIBRARY_GUARDS
from tests.support.dockerfile import ROOT

PAGE = (ROOT / "docs/isolation.md").read_text(encoding="utf-8")
LIBRARIES = ROOT / "handler/linting/process_state.json"
REFUSALS = ROOT / "handler/isolation/process/thread_refusals.json"


def rows_after(heading: str) -> list[str]:
    """The rows of the table in a section, without its head."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("|")][2:]


def library_rows() -> Iterator[str]:
    """The table of libraries."""
    for entry in read(LIBRARIES):
        names = _listed(entry["uses"]) + (" (the import alone counts)" if entry.get("imported") else "")
        if entry.get("but"):
            names += f", but {_listed(entry['but'])} do not count"
        yield f"| {names} | {entry['state']} | {entry['remedy']} | [source]({entry['source']}) |"


def guard_rows() -> Iterator[str]:
    """The table of guarded functions, by the reasons."""
    functions: dict[str, list[str]] = {}
    for module, guards in [*((module.__name__, guards) for module, guards in GUARDS.items()), *LIBRARY_GUARDS.items()]:
        for guard in guards:
            functions.setdefault(guard.reason, []).append(f"{module}.{guard.name}")
    yield from (f"| {reason} | {_listed(names)} |" for reason, names in functions.items())


def refusal_rows() -> Iterator[str]:
    """The table of errors."""
    for entry in read(REFUSALS):
        pattern = entry["pattern"].replace("|", "\\|")
        yield f"| {entry['reason']} | `{pattern}` | [source]({entry['source']}) |"


def test_the_libraries_are_those_of_the_table() -> None:
    assert rows_after("Libraries that hold state once per process") == list(library_rows())


def test_the_functions_are_those_that_are_guarded() -> None:
    assert rows_after("Functions that are guarded while an archive runs") == list(guard_rows())


def test_the_errors_are_those_that_are_tried_again() -> None:
    assert rows_after("Errors that are tried again in a process") == list(refusal_rows())


def read(path: Path) -> list[dict[str, str]]:
    """A table."""
    return json.loads(path.read_bytes())  # type: ignore[no-any-return]


def _listed(names: object) -> str:
    assert isinstance(names, list)
    return ", ".join(f"`{name}`" for name in names)
