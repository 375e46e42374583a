"""The rules of the code's structure that a machine can hold; each yields the places that break it.

`python -m tests.structure.rules` shows them all, and lowers the numbers of `remaining.json`.
"""

import ast
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLOORS = ("app", "model_registry", "handler")
FOREIGN = ("handler/shim", "tests/conformance/models", "tests/conformance/triton/models", "tests/benchmarks/models")
"""Code whose names and layout are TorchServe's, or that stands for code of its users."""
VOCABULARY = {
    kind: frozenset(words)
    for kind, words in tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text(encoding="utf-8")).items()
}
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_MODULES = 14
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def sources() -> list[Path]:
    """Every Python file of the project's own, relative to its root."""
    files = (file.relative_to(ROOT) for top in (*FLOORS, "deploy", "tests") for file in (ROOT / top).rglob("*.py"))
    return sorted(file for file in files if not any(file.is_relative_to(folder) for folder in FOREIGN))


@cache
def parsed(file: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse((ROOT / file).read_bytes())


def long_files() -> Iterator[str]:
    """Files of more than MAX_FILE_LINES."""
    for file in sources():
        if len((ROOT / file).read_bytes().splitlines()) > MAX_FILE_LINES:
            yield str(file)


def long_functions() -> Iterator[str]:
    """Functions of more than MAX_FUNCTION_LINES, without their decorators."""
    for file in sources():
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                if node.end_lineno - node.lineno >= MAX_FUNCTION_LINES:
                    yield f"{file}: {node.name}"


def large_packages() -> Iterator[str]:
    """Packages of more than MAX_MODULES modules."""
    counts = Counter(file.parent for file in sources() if file.parts[0] in FLOORS and file.stem != "__init__")
    yield from (str(folder) for folder, count in sorted(counts.items()) if count > MAX_MODULES)


def untested_modules() -> Iterator[str]:
    """Modules without a test at the mirrored place: `app/http/parser.py` has `tests/app/http/test_parser.py`."""
    for file in sources():
        is_ours = file.parts[0] in FLOORS and not file.is_relative_to("handler/examples")
        if (
            is_ours
            and not file.stem.startswith("__")
            and not (ROOT / "tests" / file.parent / f"test_{file.name}").exists()
        ):
            yield str(file)


def foreign_words_in_names() -> Iterator[str]:
    """Definitions, attributes and parameters whose names are in the vocabulary."""
    for file in sources():
        found = {file.stem, *names(parsed(file))}
        yield from (f"{file}: {name}" for name in sorted(found) if is_foreign(name))


def names(tree: ast.AST) -> Iterator[str]:
    """The names that a module defines: functions, classes, parameters, attributes, constants."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
    for body in (tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))):
        for statement in getattr(body, "body", ()):
            targets = getattr(statement, "targets", [getattr(statement, "target", None)])
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def is_foreign(name: str) -> bool:
    """Whether a name is in the vocabulary, or has one of its `parts` among its words."""
    plain = name.strip("_")
    if plain in VOCABULARY["classes"] or (plain.lower() if plain.isupper() else plain) in VOCABULARY["names"]:
        return True
    return any(word.lower() in VOCABULARY["parts"] for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", plain))


def docstrings() -> Iterator[tuple[str, str]]:
    """Every docstring with its place, those of attributes and constants included."""
    for file in sources():
        for node in ast.walk(parsed(file)):
            for statement in getattr(node, "body", ()) if isinstance(node, ast.Module | Definition) else ():
                match statement:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        yield f"{file}: {text.splitlines()[0][:50]}", text


def foreign_words_in_docstrings() -> Iterator[str]:
    """Docstrings with a word that is never `documented`."""
    for place, text in docstrings():
        if VOCABULARY["documented"].intersection(re.findall(r"[a-z]+", text.lower())):
            yield place


def questions_as_docstrings() -> Iterator[str]:
    """Docstrings that begin with one of the `openings`."""
    yield from (place for place, text in docstrings() if text.lstrip().startswith(tuple(VOCABULARY["openings"])))


RULES: dict[str, Callable[[], Iterator[str]]] = {
    rule.__name__: rule
    for rule in (
        long_files, long_functions, large_packages, untested_modules, foreign_words_in_names,
        foreign_words_in_docstrings, questions_as_docstrings,
    )
}  # fmt: skip

REMAINING = Path(__file__).with_name("remaining.json")
"""The number of places that still break each rule; it only ever gets smaller."""


def main() -> None:
    """Show what breaks a rule, and lower the numbers of REMAINING."""
    remaining = json.loads(REMAINING.read_text(encoding="utf-8"))
    for name, rule in RULES.items():
        places = list(rule())
        remaining[name] = min(remaining[name], len(places))
        print(*(f"{name} {place}" for place in places), sep="\n")
    REMAINING.write_text(json.dumps(remaining, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
