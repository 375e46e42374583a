"""The inspection of an archive before any of its code runs: parts, configuration in force, problems, lint findings."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from handler.linting.handler_linter import LintFinding, lint_folder
from model_registry.archive.archive import Archive
from model_registry.archive.manifest import MANIFEST_FILE
from model_registry.archive.model_yaml import LIBRARY_KEYS, SETTINGS, readable_model_config, similar_key
from model_registry.config import ModelConfig

DERIVED = {"in_process", "workers_are_default"}  # fields that no key sets
ALWAYS_SHOWN = (
    "min_workers", "max_workers", "batch_size", "max_batch_delay", "response_timeout", "startup_timeout",
    "job_queue_size",
)  # fmt: skip
"""Fields of the configuration that are shown even where they have the default."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A line of requirements.txt, and the version that is installed of it, "" for none."""

    line: str
    installed: str


@dataclass(frozen=True, slots=True)
class ArchiveInspection:
    """The findings; sizes are in bytes."""

    model: str
    version: str
    manifest: dict[str, Any]
    handler: str
    entry_point: str
    files: dict[str, int]
    config: dict[str, Any]
    """The configuration in force, by the keys of model-config.yaml."""
    other_keys: tuple[str, ...]
    """Keys of model-config.yaml that neither the server nor the `ts` package reads; handlers have keys of their own."""
    requirements: tuple[Requirement, ...]
    device: str
    problems: tuple[str, ...]
    lint_findings: tuple[LintFinding, ...]


def inspect_archive(archive: Archive, config: ModelConfig, handler: str, device: str) -> ArchiveInspection:
    """Inspect an opened archive, with the configuration, handler and device that the server would take for it."""
    yaml = readable_model_config(archive)
    other = tuple(
        str(key) for key in (yaml if isinstance(yaml, dict) else ()) if key not in SETTINGS and key not in LIBRARY_KEYS
    )
    return ArchiveInspection(
        model=str(archive.manifest.model_name),
        version=archive.manifest.version,
        manifest=archive.manifest.raw,
        handler=handler,
        entry_point=describe_entry_point(archive.folder, handler),
        files=dict(_files(archive.folder)),
        config=_in_force(config),
        other_keys=other,
        requirements=tuple(_requirements(archive)),
        device=device,
        problems=tuple(_problems(archive, other)),
        lint_findings=tuple(_lint(archive.folder, config)),
    )


def _lint(folder: Path, config: ModelConfig) -> Iterator[LintFinding]:
    """The findings that matter where the archive's code will run."""
    is_process = config.isolation == "process"
    return (finding for finding in lint_folder(folder) if not is_process or finding.rule.in_processes_too)


def describe_entry_point(folder: Path, handler: str) -> str:
    """The entry point that the server calls: "class Sign(BaseHandler)", "function handle", "built-in handler ..."."""
    if not handler:
        return "none is named"
    file, _, function = handler.partition(":")
    module = file.removesuffix(".py").rpartition("/")[2]
    try:
        tree = ast.parse((folder / f"{module}.py").read_bytes())
    except OSError:
        is_built_in = module.isidentifier() and find_spec(f"ts.torch_handler.{module}")
        return f"built-in handler {module}" if is_built_in else f"none: there is no {module}.py"
    except (SyntaxError, ValueError):
        return "none: the file is no Python"
    name = function or "handle"
    if name in _names(tree.body):
        return f"function {name}"
    classes = [node for node in _statements(tree.body) if isinstance(node, ast.ClassDef)]
    if len(classes) != 1:
        return f"none: it defines {len(classes)} classes"
    bases = ", ".join(ast.unparse(base) for base in classes[0].bases)
    return f"class {classes[0].name}({bases})" if bases else f"class {classes[0].name}"


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The top-level statements of a module, those under an `if` or a `try` included."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try):
            yield from _statements([*node.body, *node.orelse])


def _names(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in _statements(body):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from (alias.asname or alias.name for alias in aliases)


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """The archive's files and their sizes, the largest first."""
    files = [file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    sizes = [(file.relative_to(folder).as_posix(), file.stat().st_size) for file in files]
    yield from sorted(sizes, key=lambda entry: (-entry[1], entry[0]))


def _in_force(config: ModelConfig) -> dict[str, Any]:
    keys = {field: key for key, (field, _) in SETTINGS.items() if key != "torchrun"}
    defaults = asdict(ModelConfig())
    return {
        keys.get(field, field): value
        for field, value in asdict(config).items()
        if field in ALWAYS_SHOWN or (value != defaults[field] and field not in DERIVED)
    }


def _requirements(archive: Archive) -> Iterator[Requirement]:
    file = archive.manifest.requirements_file
    if file is None or not (archive.folder / file).is_file():
        return
    for line in (archive.folder / file).read_text(errors="replace").splitlines():
        requirement = line.partition("#")[0].strip()
        if name := re.match(r"[A-Za-z0-9][\w.-]*", requirement):
            try:
                installed = metadata.version(name[0])
            except metadata.PackageNotFoundError:
                installed = ""
            yield Requirement(requirement, installed)


def _problems(archive: Archive, other_keys: Sequence[str]) -> Iterator[str]:
    """Mistakes, certain and likely, one sentence each."""
    folder, manifest = archive.folder, archive.manifest
    if not (folder / MANIFEST_FILE).is_file():
        yield f"there is no {MANIFEST_FILE}"
    named = (manifest.serialized_file, manifest.model_file, manifest.requirements_file, manifest.config_file)
    for file in filter(None, named):
        if not (folder / file).is_file():
            yield f"the manifest names {file}, which is not there"
    for key in other_keys:
        if meant := similar_key(key):
            yield f"model-config.yaml has the key {key}; is {meant} meant?"
