"""One module of an archive as its syntax tells it: what it imports, defines and mentions, and which rules it meets."""

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from handler.linting import lint_rules
from handler.linting.lint_rules import ASSIGNED, CALLED, IMPORTED, OWN_ATTRIBUTES, LintRule, library_rules

_BUILT_IN = {name: name for name in ("exit", "quit", "setattr")}
_CHOOSES_DEVICES = re.compile(r"\w+_VISIBLE_DEVICES|CUDA_DEVICE_ORDER|OMP_\w+|\w+_NUM_THREADS")
_RUNNERS = {"os.system", "subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.Popen"}
_RUNNERS |= {"subprocess.check_output", "pip.main"}
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_OLD_NUMPY_NAMES = {f"numpy.{name}" for name in ("int", "float", "complex", "object", "str", "unicode")}
_OWN_PROCESS = {"os.getpid", "os.getppid", "os.getpgid", "os.getpgrp"}


@dataclass(frozen=True, slots=True)
class Scope:
    """The module's own statements (name ""), or one function or class that it defines."""

    name: str
    mentioned: set[str] = field(default_factory=set)
    """All identifiers and attributes in it."""
    findings: list[tuple[LintRule, int]] = field(default_factory=list)
    """Rules, each with a line; one may come twice."""


class ModuleSource:
    """What is known of a module. `is_local` tells whether a top-level name is a module of the same archive."""

    def __init__(self, tree: ast.Module, is_local: Callable[[str], bool] = lambda top: False) -> None:
        self._is_local = is_local
        self._names = dict(_BUILT_IN)
        self.imports: list[tuple[int, str]] = []
        """Level (0 is absolute) and dotted name of each module that may be imported."""
        self.scopes: dict[str, Scope] = {"": Scope("")}
        nodes = list(_nodes(tree, ""))
        self._defined = {scope for scope, _ in nodes}
        for _, node in nodes:
            self._note_import(node)
        for scope, node in nodes:
            self._note(self.scopes.setdefault(scope, Scope(scope)), node)

    def __repr__(self) -> str:
        return f"<ModuleSource of {len(self.scopes)} scopes>"

    def _note_import(self, node: ast.AST) -> None:
        match node:
            case ast.Import(names=aliases):
                self.imports += [(0, alias.name) for alias in aliases]
                for alias in aliases:
                    top = alias.name.partition(".")[0]
                    self._names[alias.asname or top] = alias.name if alias.asname else top
            case ast.ImportFrom(module=module, names=aliases, level=level):
                self.imports += [(level, f"{module or ''}.{alias.name}".lstrip(".")) for alias in aliases]
                if not level:
                    self._names |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in aliases}

    def _note(self, scope: Scope, node: ast.AST) -> None:
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name):
                scope.mentioned.add(name)
            case ast.ImportFrom(names=aliases):
                scope.mentioned.update(alias.name for alias in aliases)
            case ast.Call(
                func=ast.Name(id="__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                self.imports.append((len(name) - len(name.lstrip(".")), name.lstrip(".")))
        scope.findings.extend((rule, getattr(node, "lineno", 1)) for rule in self._rules(node))

    def _rules(self, node: ast.AST) -> Iterator[LintRule]:
        match node:
            case ast.Call():
                yield from self._called(node)
            case ast.Assign(targets=targets) | ast.Delete(targets=targets):
                yield from self._written(*targets)
            case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
                yield from self._written(target)
            case ast.Import(names=names):
                yield from _imported(*(alias.name for alias in names))
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield from _imported(module, *(f"{module}.{alias.name}" for alias in names))
            case ast.FunctionDef(decorator_list=decorators) | ast.ClassDef(decorator_list=decorators):
                if any(self._registers(decorator) for decorator in decorators):
                    yield lint_rules.REGISTERS

    def _called(self, call: ast.Call) -> Iterator[LintRule]:
        name = self._name(call.func)
        if name in _RUNNERS and _installs(call):
            yield lint_rules.INSTALLS
        if name == "setattr" and call.args and self._is_shared(self._name(call.args[0])):
            yield lint_rules.PATCHES
        if self._registers(call.func) and any(self._is_own(argument) for argument in _arguments(call)):
            yield lint_rules.REGISTERS
        if (name == "torch.utils.data.DataLoader" and _has_workers(call)) or (
            name == "joblib.Parallel" and _forks(call)
        ):
            yield lint_rules.PROCESSES
        yield from (library.rule for library in library_rules() if not library.when_imported and library.matches(name))
        rule = CALLED.get(name)
        if rule is not None:
            yield from self._refined(rule, name, call)

    def _refined(self, rule: LintRule, name: str, call: ast.Call) -> Iterator[LintRule]:
        """The rule of a call, if its arguments do not make it another, or harmless."""
        first = call.args[0] if call.args else None
        if rule is lint_rules.ENVIRONMENT and first is not None and _chooses_devices(first):
            rule = lint_rules.DEVICES
        if rule is lint_rules.WARNINGS and isinstance(first, ast.Constant) and first.value == "error":
            rule = lint_rules.WARNING_ERRORS
        given = ast.unparse(first) if first is not None else ""
        harmless = (
            (rule is lint_rules.DTYPE and given.endswith(("torch.float32", "torch.float", "FloatTensor'")))
            or (name == "locale.setlocale" and len(call.args) + len(call.keywords) < 2)
            or (name in ("os.kill", "os.killpg") and not self._is_own_process(first))
        )
        if not harmless:
            yield rule

    def _written(self, *targets: ast.expr) -> Iterator[LintRule]:
        for target in targets:
            match target:
                case ast.Tuple(elts=parts) | ast.List(elts=parts):
                    yield from self._written(*parts)
                case ast.Subscript(value=value, slice=key):
                    name = self._name(value)
                    if name == "os.environ":
                        yield lint_rules.DEVICES if _chooses_devices(key) else lint_rules.ENVIRONMENT
                    yield from (library.rule for library in library_rules() if library.matches(name))
                case ast.Attribute():
                    yield from self._assigned(self._name(target))

    def _assigned(self, name: str) -> Iterator[LintRule]:
        keys = [key for key in ASSIGNED if f"{name}.".startswith(f"{key}.")]
        if keys:
            yield ASSIGNED[max(keys, key=len)]
        elif self._is_shared(name) and name not in OWN_ATTRIBUTES | _OLD_NUMPY_NAMES:
            yield lint_rules.PATCHES

    def _is_shared(self, name: str) -> bool:
        """Tell whether a full name is that of a module, or in a module, that all archives share."""
        top = name.partition(".")[0]
        return top not in ("", "builtins", "__main__", "ts") and not self._is_local(top)

    def _registers(self, node: ast.expr) -> bool:
        """Tell whether an expression is a function of a library that registers things by name."""
        name = self._name(node.func if isinstance(node, ast.Call) else node)
        top, _, last = name.partition(".")[0], *name.rpartition(".")[1:]
        return last.startswith("register") and self._is_shared(top) and top not in sys.stdlib_module_names

    def _is_own(self, node: ast.expr) -> bool:
        """Tell whether an expression is a class or function of the archive."""
        if not isinstance(node, ast.Name):
            return False
        return node.id in self._defined or self._is_local(self._names.get(node.id, "").partition(".")[0])

    def _is_own_process(self, node: ast.expr | None) -> bool:
        if isinstance(node, ast.Call):
            return self._name(node.func) in _OWN_PROCESS
        return isinstance(node, ast.Constant | ast.UnaryOp)

    def _name(self, node: ast.expr) -> str:
        """The full name of what an expression means, "" for what no import explains."""
        match node:
            case ast.Name(id=name):
                return self._names.get(name, "")
            case ast.Attribute(value=value, attr=attribute):
                owner = self._name(value)
                return f"{owner}.{attribute}" if owner else ""
        return ""


def _nodes(tree: ast.AST, scope: str) -> Iterator[tuple[str, ast.AST]]:
    """All nodes with their scopes, but for what runs only where the module is a program of its own."""
    for node in ast.iter_child_nodes(tree):
        if not _is_main(node):
            yield scope, node
            yield from _nodes(node, scope or (node.name if isinstance(node, _DEFINITIONS) else ""))


def _is_main(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).replace('"', "'") == "__name__ == '__main__'"


def _imported(*names: str) -> Iterator[LintRule]:
    for key, rule in IMPORTED.items():
        if any(f"{name}.".startswith(f"{key}.") for name in names):
            yield rule
    for library in library_rules():
        if library.when_imported and any(library.matches(name) for name in names):
            yield library.rule


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(word.value for word in call.keywords)]


def _keywords(call: ast.Call) -> Mapping[str, object]:
    """The keyword arguments that are constants; others as None."""
    return {word.arg or "": getattr(word.value, "value", None) for word in call.keywords}


def _chooses_devices(key: ast.expr) -> bool:
    return isinstance(key, ast.Constant) and bool(_CHOOSES_DEVICES.fullmatch(str(key.value)))


def _has_workers(call: ast.Call) -> bool:
    return _keywords(call).get("num_workers", 0) != 0


def _forks(call: ast.Call) -> bool:
    """Tell whether joblib is asked for more than one worker, and not for threads."""
    words = _keywords(call)
    many = (getattr(call.args[0], "value", None) if call.args else words.get("n_jobs", 1)) != 1
    return many and not {"threads", "threading", "sharedmem"} & set(words.values())


def _installs(call: ast.Call) -> bool:
    words = [str(node.value) for argument in call.args for node in ast.walk(argument) if isinstance(node, ast.Constant)]
    return {"pip", "install"} <= {word for text in words for word in text.split()}
