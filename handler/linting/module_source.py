"""One module of an archive as its syntax shows it: what it imports, defines and mentions, and which rules it meets."""

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from handler.linting import lint_rules
from handler.linting.lint_rules import ASSIGNED, CALLED, IMPORTED, OWN_ATTRIBUTES, LintRule, libraries_with

_BUILT_IN = {name: name for name in ("exit", "quit", "setattr")}
_USUAL_DTYPES = ("torch.float32", "torch.float", "FloatTensor")
_CHOOSES_DEVICES = re.compile(r"\w+_VISIBLE_DEVICES|CUDA_DEVICE_ORDER|OMP_\w+|\w+_NUM_THREADS")
_RUNNERS = {"os.system", "subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.Popen"}
_RUNNERS |= {"subprocess.check_output", "pip.main"}
_LOOKED_INTO = (
    ast.stmt, ast.expr, ast.keyword, ast.comprehension, ast.excepthandler, ast.withitem, ast.arguments, ast.match_case,
    ast.pattern,
)  # fmt: skip
_WITHOUT_NODES = {"ctx", "op", "ops", "id", "attr", "arg", "name", "kind", "level", "module", "names", "type_comment"}
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_NODE_FIELDS = {
    kind: [] if kind is ast.Constant else [name for name in reversed(kind._fields) if name not in _WITHOUT_NODES]
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, _LOOKED_INTO)
}
"""The fields of statements and expressions that may hold others, the last one first."""
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
    """The analysis of a module. `is_local` decides whether a top-level name is a module of the same archive."""

    def __init__(self, tree: ast.Module, is_local: Callable[[str], bool] = lambda top: False) -> None:
        self._is_local = is_local
        self._names = dict(_BUILT_IN)
        self.imports: list[tuple[int, str]] = []
        """Level (0 is absolute) and dotted name of each module that may be imported."""
        self.scopes: dict[str, Scope] = {"": Scope("")}
        nodes = list(_nodes(tree))
        self._defined = {scope for scope, _ in nodes}
        for _, node in nodes:
            if type(node) in (ast.Import, ast.ImportFrom):
                self._note_import(node)
        for name, node in nodes:
            scope = self.scopes.get(name) or self.scopes.setdefault(name, Scope(name))
            _note_names(scope, node)
            rules = _RULES.get(type(node))
            if rules is not None:
                scope.findings.extend((rule, node.lineno) for rule in rules(self, node))

    def __repr__(self) -> str:
        return f"<ModuleSource of {len(self.scopes)} scopes>"

    def _note_import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            self.imports += [(0, alias.name) for alias in node.names]
            for alias in node.names:
                top = alias.name.partition(".")[0]
                self._names[alias.asname or top] = alias.name if alias.asname else top
        else:
            self.imports += [(node.level, f"{node.module or ''}.{alias.name}".lstrip(".")) for alias in node.names]
            if not node.level:
                self._names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}

    def _imported(self, node: ast.Import | ast.ImportFrom) -> Iterator[LintRule]:
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [] if node.level else [str(node.module), *(f"{node.module}.{name}" for name in names)]
        for key, rule in IMPORTED.items():
            if any(f"{name}.".startswith(f"{key}.") for name in names):
                yield rule
        yield from (library.rule for name in names for library in libraries_with(name) if library.when_imported)

    def _defined_with(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[LintRule]:
        if any(self._registers(decorator) for decorator in node.decorator_list):
            yield lint_rules.REGISTERS

    def _called(self, call: ast.Call) -> Iterator[LintRule]:
        name = self._name(call.func)
        if getattr(call.func, "attr", getattr(call.func, "id", "")) in ("__import__", "import_module") and call.args:
            imported = str(getattr(call.args[0], "value", ""))
            self.imports.append((len(imported) - len(imported.lstrip(".")), imported.lstrip(".")))
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
        yield from (library.rule for library in libraries_with(name) if not library.when_imported)
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
        harmless = (
            (rule is lint_rules.DTYPE and ast.unparse(call).rstrip("')").endswith(_USUAL_DTYPES))
            or (name == "locale.setlocale" and len(call.args) + len(call.keywords) < 2)
            or (name in ("os.kill", "os.killpg") and not self._is_own_process(first))
        )
        if not harmless:
            yield rule

    def _written(self, node: ast.Assign | ast.Delete | ast.AugAssign | ast.AnnAssign) -> Iterator[LintRule]:
        return self._targets(*(node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]))

    def _targets(self, *targets: ast.expr) -> Iterator[LintRule]:
        for target in targets:
            match target:
                case ast.Tuple(elts=parts) | ast.List(elts=parts):
                    yield from self._targets(*parts)
                case ast.Subscript(value=value, slice=key):
                    name = self._name(value)
                    if name == "os.environ":
                        yield lint_rules.DEVICES if _chooses_devices(key) else lint_rules.ENVIRONMENT
                    elif name == "os.environb":
                        yield lint_rules.PROCESS_WIDE
                    yield from (library.rule for library in libraries_with(name))
                case ast.Attribute():
                    yield from self._assigned(self._name(target))

    def _assigned(self, name: str) -> Iterator[LintRule]:
        keys = [key for key in ASSIGNED if f"{name}.".startswith(f"{key}.")]
        if keys:
            yield ASSIGNED[max(keys, key=len)]
        elif self._is_shared(name) and name not in OWN_ATTRIBUTES | _OLD_NUMPY_NAMES:
            yield lint_rules.PATCHES

    def _is_shared(self, name: str) -> bool:
        """Return whether a full name is that of a module, or in a module, that all archives share."""
        top = name.partition(".")[0]
        return top not in ("", "builtins", "__main__", "ts") and not self._is_local(top)

    def _registers(self, node: ast.expr) -> bool:
        """Return whether an expression is a function of a library that registers things by name."""
        name = self._name(node.func if isinstance(node, ast.Call) else node)
        top, _, last = name.partition(".")[0], *name.rpartition(".")[1:]
        return last.startswith("register") and self._is_shared(top) and top not in sys.stdlib_module_names

    def _is_own(self, node: ast.expr) -> bool:
        """Return whether an expression is a class or function of the archive."""
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


_RULES: Mapping[type[ast.AST], Callable[[ModuleSource, Any], Iterator[LintRule]]] = {
    ast.Call: ModuleSource._called,  # noqa: SLF001
    **dict.fromkeys((ast.Import, ast.ImportFrom), ModuleSource._imported),  # noqa: SLF001
    **dict.fromkeys((ast.Assign, ast.Delete, ast.AugAssign, ast.AnnAssign), ModuleSource._written),  # noqa: SLF001
    **dict.fromkeys(_DEFINITIONS, ModuleSource._defined_with),  # noqa: SLF001
}
"""The method that knows the rules of a kind of node."""


def _nodes(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """All statements and expressions with the names of their scopes.

    What runs only where the module is a program of its own is left out.
    """
    pending: list[tuple[str, Any]] = [("", node) for node in reversed(tree.body)]
    while pending:
        scope, node = pending.pop()
        kind = type(node)
        if kind is ast.If and _is_main(node):
            continue
        yield scope, node
        inner = scope or (node.name if kind in _DEFINITIONS else "")
        for name in _NODE_FIELDS[kind]:
            value = getattr(node, name, None)
            if type(value) is list:
                pending += [(inner, child) for child in reversed(value) if type(child) in _NODE_FIELDS]
            elif type(value) in _NODE_FIELDS:
                pending.append((inner, value))


def _note_names(scope: Scope, node: Any) -> None:
    kind = type(node)
    if kind is ast.Name:
        if type(node.ctx) is ast.Load:
            scope.mentioned.add(node.id)
    elif kind is ast.Attribute:
        scope.mentioned.add(node.attr)
    elif kind is ast.ImportFrom:
        scope.mentioned.update(alias.name for alias in node.names)


def _is_main(node: ast.AST) -> bool:
    match node:
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"), comparators=[ast.Constant(value="__main__")])):
            return True
    return False


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
    """Return whether joblib is asked for more than one worker, and not for threads."""
    words = _keywords(call)
    many = (getattr(call.args[0], "value", None) if call.args else words.get("n_jobs", 1)) != 1
    return many and not {"threads", "threading", "sharedmem"} & set(words.values())


def _installs(call: ast.Call) -> bool:
    words = [str(node.value) for argument in call.args for node in ast.walk(argument) if isinstance(node, ast.Constant)]
    return {"pip", "install"} <= {word for text in words for word in text.split()}
