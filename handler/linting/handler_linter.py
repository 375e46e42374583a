"""Looks through an archive's sources, without running them, for what threads in one process change."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from handler.linting.lint_rules import ASSIGNED, CALLED, DEVICES, ENVIRONMENT, IMPORTED, INSTALLS, PROCESSES, Practice

_BUILT_IN = {name: name for name in ("exit", "quit")}
_CHOOSES_DEVICES = re.compile(r"\w+_VISIBLE_DEVICES|CUDA_DEVICE_ORDER|OMP_\w+|\w+_NUM_THREADS")
_RUNNERS = {"os.system", "subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.Popen"}
_RUNNERS |= {"subprocess.check_output", "pip.main"}


@dataclass(frozen=True, slots=True)
class LintFinding:
    """A practice, and where it was seen: a path in the archive, and a line."""

    practice: Practice
    file: str
    line: int

    @property
    def place(self) -> str:
        """As editors know it: "handler.py:12"."""
        return f"{self.file}:{self.line}"


def look_through(folder: Path) -> Iterator[LintFinding]:
    """The sightings in all .py files of an unpacked archive, in order; a file that is no Python has none."""
    for file in sorted(folder.rglob("*.py")):
        name = file.relative_to(folder).as_posix()
        if name.startswith(".") or "/." in name:
            continue
        try:
            tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError, OSError):
            continue  # its import tells, if it is one
        found = {
            (practice.title, line): LintFinding(practice, name, line) for practice, line in Reader(tree).sightings()
        }
        yield from sorted(found.values(), key=lambda sighting: sighting.line)


class Reader:
    """Reads one module, with the names that its imports give to things."""

    def __init__(self, tree: ast.Module) -> None:
        self._nodes = list(_nodes(tree))
        self._names = {**_BUILT_IN, **_imported_names(self._nodes)}

    def sightings(self) -> Iterator[tuple[Practice, int]]:
        """Each practice with its line; one may come twice."""
        for node in self._nodes:
            for practice in self._practices(node):
                yield practice, getattr(node, "lineno", 1)

    def _practices(self, node: ast.AST) -> Iterator[Practice]:
        match node:
            case ast.Call():
                yield from self._called(node)
            case ast.Assign(targets=targets) | ast.Delete(targets=targets):
                yield from self._written(*targets)
            case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
                yield from self._written(target)
            case ast.Import(names=names):
                yield from _within(IMPORTED, *(alias.name for alias in names))
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield from _within(IMPORTED, module, *(f"{module}.{alias.name}" for alias in names))

    def _called(self, call: ast.Call) -> Iterator[Practice]:
        name = self._name(call.func)
        if name in _RUNNERS and _installs(call):
            yield INSTALLS
        if (name == "torch.utils.data.DataLoader" and _has_workers(call)) or (
            name == "joblib.Parallel" and _forks(call)
        ):
            yield PROCESSES
        practice = CALLED.get(name)
        if practice is ENVIRONMENT and call.args and _chooses_devices(call.args[0]):
            practice = DEVICES
        if practice is not None:
            yield practice

    def _written(self, *targets: ast.expr) -> Iterator[Practice]:
        for target in targets:
            match target:
                case ast.Tuple(elts=parts) | ast.List(elts=parts):
                    yield from self._written(*parts)
                case ast.Subscript(value=value, slice=key) if self._name(value) == "os.environ":
                    yield DEVICES if _chooses_devices(key) else ENVIRONMENT
                case ast.Attribute():
                    yield from _within(ASSIGNED, self._name(target))

    def _name(self, node: ast.expr) -> str:
        """The full name of what an expression means, "" for what no import explains."""
        match node:
            case ast.Name(id=name):
                return self._names.get(name, "")
            case ast.Attribute(value=value, attr=attribute):
                owner = self._name(value)
                return f"{owner}.{attribute}" if owner else ""
        return ""


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Everything in a module but what runs only where it is a program of its own."""
    for node in ast.iter_child_nodes(tree):
        if not _is_main(node):
            yield node
            yield from _nodes(node)


def _is_main(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).replace('"', "'") == "__name__ == '__main__'"


def _imported_names(nodes: list[ast.AST]) -> dict[str, str]:
    """What the imports call things: {"np": "numpy", "seed": "random.seed"}."""
    names: dict[str, str] = {}
    for node in nodes:
        match node:
            case ast.Import(names=aliases):
                names |= {alias.asname or alias.name.partition(".")[0]: _bound(alias) for alias in aliases}
            case ast.ImportFrom(module=str(module), names=aliases, level=0):
                names |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in aliases}
    return names


def _bound(alias: ast.alias) -> str:
    return alias.name if alias.asname else alias.name.partition(".")[0]


def _within(table: Mapping[str, Practice], *names: str) -> Iterator[Practice]:
    """The practices of names that are in the table, or lie in what is."""
    for key, practice in table.items():
        if any(f"{name}.".startswith(f"{key}.") for name in names):
            yield practice


def _chooses_devices(key: ast.expr) -> bool:
    return isinstance(key, ast.Constant) and bool(_CHOOSES_DEVICES.fullmatch(str(key.value)))


def _has_workers(call: ast.Call) -> bool:
    numbers = [word.value for word in call.keywords if word.arg == "num_workers"]
    return any(not (isinstance(number, ast.Constant) and number.value == 0) for number in numbers)


def _forks(call: ast.Call) -> bool:
    """Tell whether joblib is not asked for threads."""
    words = {word.value.value for word in call.keywords if isinstance(word.value, ast.Constant)}
    return not words & {"threads", "threading", "sharedmem"}


def _installs(call: ast.Call) -> bool:
    words = [str(node.value) for argument in call.args for node in ast.walk(argument) if isinstance(node, ast.Constant)]
    return {"pip", "install"} <= {word for text in words for word in text.split()}
