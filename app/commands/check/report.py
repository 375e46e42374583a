"""The report of `marserve check` for people."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from handler.linting.handler_linter import LintFinding

if TYPE_CHECKING:
    from app.commands.check.archive_inspection import ArchiveInspection
    from app.commands.check.runner import CheckResult
    from app.commands.smoke_test import RequestResult, SmokeTestResult

MAX_FILES = 6
MAX_PLACES = 5
ISOLATION = "In a process of its own (isolation: process in model-config.yaml) an archive may do all of this."
_SIZES = ("B", "KiB", "MiB", "GiB")
_SHOWN_ELSEWHERE = {"modelName", "modelVersion", "handler"}
_UNITS = {
    "maxBatchDelay": " ms", "responseTimeout": " s", "startupTimeout": " s", "maxRetryTimeoutInSec": " s",
    "clientTimeoutInMills": " ms", "sequenceMaxIdleMSec": " ms", "sequenceTimeoutMSec": " ms",
}  # fmt: skip


def format_inspection(inspection: "ArchiveInspection") -> Iterator[str]:
    """The lines that are shown before the archive's code runs."""
    yield _line("model", f"{inspection.model} {inspection.version}")
    yield _line(
        "handler", f"{inspection.handler}: {inspection.entry_point}" if inspection.handler else inspection.entry_point
    )
    yield _line("manifest", _manifest(inspection.manifest))
    yield _line("files", _files(inspection.files))
    yield _line("config", ", ".join(f"{key} {value}{_UNITS.get(key, '')}" for key, value in inspection.config.items()))
    if inspection.other_keys:
        yield _line("other keys", f"{', '.join(inspection.other_keys)} (left to the handler)")
    for each in inspection.requirements:
        yield _line(
            "requires", f"{each.line} ({f'installed: {each.installed}' if each.installed else 'not installed'})"
        )
    yield _line("device", inspection.device)
    yield from (_line("problem", problem) for problem in inspection.problems)
    yield from _warnings(inspection.lint_findings)


def format_result(result: "CheckResult") -> Iterator[str]:
    """The lines that follow once the archive has been loaded and has answered."""
    yield from (_line("note", note) for note in result.notes)
    if result.error:
        yield _line("FAILED", result.error)
    if result.smoke_test is not None:
        yield from _smoke_test(result.smoke_test)


def _smoke_test(result: "SmokeTestResult") -> Iterator[str]:
    if result.error:
        yield from result.traceback
        yield _line("FAILED", f"it does not load: {result.error}")
        if result.remedy:
            yield _line("", f"Remedy: {result.remedy}.")
        return
    yield _line("loaded", f"in {_time(result.load_seconds)}{_grown(result.load_memory, ', and takes ', ' of memory')}")
    yield from (_request(request) for request in result.requests)
    if result.requests:
        yield _line("memory", _grown(result.warm_memory, "grew by ", " with the later requests") or "is not known here")


def _request(request: "RequestResult") -> str:
    warm = f", then {_time(request.warm)}" if request.warm is not None else ""
    if not request.ok:
        return _line(
            "FAILED", f"{request.place}: {request.status} {request.error or request.start}, in {_time(request.first)}"
        )
    start = " ".join(request.start.split())[:60]
    return _line(
        "OK",
        f"{request.place}: {request.status}, {_size(request.size)}, at first {_time(request.first)}{warm}: {start}",
    )


def _warnings(findings: Sequence[LintFinding]) -> Iterator[str]:
    by_title = sorted(findings, key=lambda finding: finding.rule.title)
    for title, group in groupby(by_title, key=lambda finding: finding.rule.title):
        same = list(group)
        more = f" and {len(same) - MAX_PLACES} more" if len(same) > MAX_PLACES else ""
        yield _line("warning", f"{', '.join(each.place for each in same[:MAX_PLACES])}{more} {title}:")
        yield _line("", f"{same[0].rule.effect}.")
        yield _line("", f"Remedy: {same[0].rule.remedy}.")
    if not all(finding.rule.in_processes_too for finding in findings):
        yield _line("", ISOLATION)


def _line(label: str, text: str) -> str:
    return f"{label:<12} {text}"


def _manifest(manifest: dict[str, Any]) -> str:
    fields = {"runtime": manifest.get("runtime"), **(manifest.get("model") or {})}
    return (
        ", ".join(f"{key} {value}" for key, value in fields.items() if value and key not in _SHOWN_ELSEWHERE)
        or "no more"
    )


def _files(files: dict[str, int]) -> str:
    named = ", ".join(f"{name} {_size(size)}" for name, size in list(files.items())[:MAX_FILES])
    more = f", and {len(files) - MAX_FILES} more" if len(files) > MAX_FILES else ""
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
