"""What `marserve check` found, as a person reads it."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from handler.linting.handler_linter import LintFinding

if TYPE_CHECKING:
    from app.commands.check.archive_inspection import Findings
    from app.commands.check.runner import Checkup
    from app.commands.smoke_test import Reply, SmokeTest

FILES = 6
"""How many files are named."""
PLACES = 5
"""How many places of one practice are named."""
ISOLATION = "In a process of its own (isolation: process in model-config.yaml) an archive may do all of this."
MISSING = (
    "Archive it with --extra-files, if it is yours. Otherwise install it where the server runs, or name it in a",
    "requirements.txt (--requirements-file), which install_py_dep_per_model=true has installed for this archive.",
)
"""What to do about a module that is not there."""
_SIZES = ("B", "KiB", "MiB", "GiB")
_TOLD = {"modelName", "modelVersion", "handler"}
_UNITS = {
    "maxBatchDelay": " ms", "responseTimeout": " s", "startupTimeout": " s", "maxRetryTimeoutInSec": " s",
    "clientTimeoutInMills": " ms", "sequenceMaxIdleMSec": " ms", "sequenceTimeoutMSec": " ms",
}  # fmt: skip


def before_loading(findings: "Findings") -> Iterator[str]:
    """What is known before the archive's code runs."""
    yield _line("model", f"{findings.model} {findings.version}")
    yield _line("handler", f"{findings.handler}: {findings.entry}" if findings.handler else findings.entry)
    yield _line("manifest", _manifest(findings.manifest))
    yield _line("files", _files(findings.files))
    yield _line("config", ", ".join(f"{key} {value}{_UNITS.get(key, '')}" for key, value in findings.config.items()))
    if findings.other_keys:
        yield _line("other keys", f"{', '.join(findings.other_keys)} (left to the handler)")
    for each in findings.requirements:
        yield _line(
            "requires", f"{each.line} ({f'installed: {each.installed}' if each.installed else 'not installed'})"
        )
    yield _line("device", findings.device)
    yield from (_line("problem", problem) for problem in findings.problems)
    yield from _warnings(findings.sightings)


def after_loading(checkup: "Checkup") -> Iterator[str]:
    """What came of running it."""
    yield from (_line("note", note) for note in checkup.notes)
    if checkup.error:
        yield _line("FAILED", checkup.error)
    if checkup.tryout is not None:
        yield from _tryout(checkup.tryout)


def _tryout(tryout: "SmokeTest") -> Iterator[str]:
    if tryout.error:
        yield from tryout.traceback
        yield _line("FAILED", f"it does not load: {tryout.error}")
        if tryout.error.startswith("ModuleNotFoundError: No module named"):
            yield from (_line("", line) for line in MISSING)
        return
    yield _line("loaded", f"in {_time(tryout.load_seconds)}{_grown(tryout.load_memory, ', and takes ', ' of memory')}")
    yield from (_reply(reply) for reply in tryout.replies)
    if tryout.replies:
        yield _line("memory", _grown(tryout.warm_memory, "grew by ", " with the later requests") or "is not told here")


def _reply(reply: "Reply") -> str:
    warm = f", then {_time(reply.warm)}" if reply.warm is not None else ""
    if not reply.ok:
        return _line("FAILED", f"{reply.place}: {reply.status} {reply.error or reply.start}, in {_time(reply.first)}")
    start = " ".join(reply.start.split())[:60]
    return _line(
        "OK", f"{reply.place}: {reply.status}, {_size(reply.size)}, at first {_time(reply.first)}{warm}: {start}"
    )


def _warnings(sightings: Sequence[LintFinding]) -> Iterator[str]:
    by_title = sorted(sightings, key=lambda sighting: sighting.practice.title)
    for title, group in groupby(by_title, key=lambda sighting: sighting.practice.title):
        seen = list(group)
        more = f" and {len(seen) - PLACES} more" if len(seen) > PLACES else ""
        yield _line("warning", f"{', '.join(each.place for each in seen[:PLACES])}{more} {title}:")
        yield _line("", f"{seen[0].practice.changes}.")
        yield _line("", f"Remedy: {seen[0].practice.remedy}.")
    if not all(sighting.practice.everywhere for sighting in sightings):
        yield _line("", ISOLATION)


def _line(label: str, text: str) -> str:
    return f"{label:<12} {text}"


def _manifest(manifest: dict[str, Any]) -> str:
    told = {"runtime": manifest.get("runtime"), **(manifest.get("model") or {})}
    return (
        ", ".join(f"{key} {value}" for key, value in told.items() if value and key not in _TOLD) or "says nothing more"
    )


def _files(files: dict[str, int]) -> str:
    named = ", ".join(f"{name} {_size(size)}" for name, size in list(files.items())[:FILES])
    more = f", and {len(files) - FILES} more" if len(files) > FILES else ""
    return f"{_size(sum(files.values()))} in all: {named}{more}"


def _size(size: float) -> str:
    for unit in _SIZES:
        if abs(size) < 1024 or unit == _SIZES[-1]:
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def _grown(size: int | None, before: str, after: str) -> str:
    return "" if size is None else f"{before}{_size(size)}{after}"


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.2f} ms"
