"""Looks through an archive's sources, without running them, for what threads in one process change."""

import ast
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

from handler.linting.lint_rules import LintRule
from handler.linting.module_source import ModuleSource, Scope

CACHED_ARCHIVES = 256


@dataclass(frozen=True, slots=True)
class LintFinding:
    """A rule that is met, and where: a path in the archive, and a line."""

    rule: LintRule
    file: str
    line: int

    @property
    def place(self) -> str:
        """As editors know it: "handler.py:12"."""
        return f"{self.file}:{self.line}"


def lint_folder(folder: Path) -> Iterator[LintFinding]:
    """The findings in all .py files of an unpacked archive, in order; a file that is no Python has none."""
    archive = ArchiveSource(folder)
    for file in _sources(folder):
        source = archive.read(file)
        yield from _findings(folder, file, source.scopes.values() if source else ())


def findings_that_need_a_process(folder: Path, handler: str, model_file: str | None = None) -> tuple[LintFinding, ...]:
    """The findings for which the archive's workers have to be processes, in what its handler can reach.

    `handler` is the manifest's. Kept by a digest of the sources: the same archive is not read twice.
    """
    digest = blake2b(f"{handler}\0{model_file}\0".encode())
    for file in _sources(folder):
        digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes())
    known = _known.get(digest.digest())
    if known is None:
        if len(_known) >= CACHED_ARCHIVES:
            _known.clear()
        known = _known[digest.digest()] = tuple(
            finding for finding in ArchiveSource(folder).reached(handler, model_file) if finding.rule.needs_process
        )
    return known


_known: dict[bytes, tuple[LintFinding, ...]] = {}


class ArchiveSource:
    """The modules of an unpacked archive, and which of their code a handler reaches.

    Code counts as reached if its module is imported by one that is reached, and if its function or class is mentioned
    by name in code that is reached: what an archive brings along from training is not.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._is_local = cache(lambda top: os.path.isfile(f"{folder}/{top}.py") or os.path.isdir(f"{folder}/{top}"))  # noqa: PTH112, PTH113

    def __repr__(self) -> str:
        return f"<ArchiveSource {self._folder}>"

    def read(self, file: Path) -> ModuleSource | None:
        """The analysis of a file; None if it is no Python, which its import will report."""
        try:
            return ModuleSource(ast.parse(file.read_bytes()), self._is_local)
        except (SyntaxError, ValueError, OSError, RecursionError):
            return None

    def reached(self, handler: str, model_file: str | None = None) -> Iterator[LintFinding]:
        """The findings in the code that a handler and a model file reach."""
        path, _, function = handler.partition(":")
        entries = {path.removesuffix(".py").rpartition("/")[2], (model_file or "").removesuffix(".py")} - {""}
        modules = self._imported_by(entries)
        entry_scopes = {name for entry in entries if entry in modules for name in modules[entry][1].scopes}
        scopes = _reached_scopes([source for _, source in modules.values()], entry_scopes | {function or "handle"})
        for file, source in modules.values():
            yield from _findings(
                self._folder, file, [scope for scope in source.scopes.values() if scope.name in scopes]
            )

    def _imported_by(self, entries: Iterable[str]) -> dict[str, tuple[Path, ModuleSource]]:
        """The archive's modules that these modules import, and they themselves, by their dotted names."""
        found: dict[str, tuple[Path, ModuleSource]] = {}
        pending = sorted(entries)
        while pending:
            name = pending.pop()
            file = self._file(name)
            source = self.read(file) if file is not None and name not in found else None
            if file is None or source is None:
                continue
            found[name] = file, source
            package = name if file.name == "__init__.py" else name.rpartition(".")[0]
            for level, imported in source.imports:
                full = _absolute(package, level, imported)
                parts = full.split(".")
                pending += [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
        return found

    def _file(self, name: str) -> Path | None:
        if not name.rpartition(".")[2] or name.startswith("/"):
            return None
        stem = f"{self._folder}/{name.replace('.', '/')}"
        # not pathlib's, which raises for names that no file can have
        return next((Path(file) for file in (f"{stem}.py", f"{stem}/__init__.py") if os.path.isfile(file)), None)  # noqa: PTH113


def _reached_scopes(sources: Iterable[ModuleSource], entries: Iterable[str]) -> set[str]:
    """The names of the functions and classes that are mentioned from the modules' own statements on."""
    scopes: dict[str, list[Scope]] = {}
    for source in sources:
        for scope in source.scopes.values():
            scopes.setdefault(scope.name, []).append(scope)
    reached, pending = set[str](), {"", *entries}
    while pending:
        reached |= pending
        mentioned = {name for each in pending for scope in scopes.get(each, ()) for name in scope.mentioned}
        pending = (mentioned & scopes.keys()) - reached
    return reached


def _absolute(package: str, level: int, name: str) -> str:
    parents = package.split(".") if package else []
    base = parents[: len(parents) - level + 1] if level else []
    return ".".join([*base, name] if name else base)


def _sources(folder: Path) -> list[Path]:
    """The .py files that are not hidden."""
    files = sorted(folder.rglob("*.py"))
    return [file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts)]


def _findings(folder: Path, file: Path, scopes: Iterable[Scope]) -> list[LintFinding]:
    """Each rule once for each line, by lines."""
    name = file.relative_to(folder).as_posix()
    met = {(rule, line) for scope in scopes for rule, line in scope.findings}
    return [LintFinding(rule, name, line) for rule, line in sorted(met, key=lambda each: (each[1], each[0].title))]
