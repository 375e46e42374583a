"""The Dockerfile as tests see it: its stages, what they copy and run, and which files travel to the builder."""

import fnmatch
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"


@dataclass
class Stage:
    """One FROM with what follows it: (instruction, arguments) in order."""

    name: str
    origin: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """The arguments of each such instruction."""
        return [arguments for name, arguments in self.steps if name == instruction]

    def words(self, instruction: str) -> list[str]:
        """The last such instruction, which is a JSON list."""
        return list(json.loads(self.all(instruction)[-1].partition("CMD ")[2] or self.all(instruction)[-1]))


def stages() -> dict[str, Stage]:
    """Every stage by its name; ARGs before the first FROM belong to none."""
    found: dict[str, Stage] = {}
    for line in _lines():
        instruction, _, arguments = line.partition(" ")
        if instruction == "FROM":
            origin, _, name = arguments.partition(" AS ")
            found[name] = Stage(name, origin)
        elif found:
            found[name].steps.append((instruction, arguments.strip()))
    return found


def chain(name: str) -> list[Stage]:
    """A stage and those it is built from, the first first."""
    known = stages()
    stage = known[name]
    return [*(chain(stage.origin) if stage.origin in known else []), stage]


def context() -> set[Path]:
    """The files that travel to the builder, relative to the checkout."""
    rules = [line for line in ignored().splitlines() if line and not line.startswith("#")]
    paths = (path.relative_to(ROOT) for top in _tops(rules) for path in _files(ROOT / top))
    return {path for path in paths if _travels(path, rules)}


def ignored() -> str:
    """The rules of the ignore file that belongs to the Dockerfile."""
    return DOCKERFILE.with_name("Dockerfile.dockerignore").read_text()


def _lines() -> Iterator[str]:
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    return (line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line)


def _tops(rules: list[str]) -> list[str]:
    return [rule[1:] for rule in rules if rule.startswith("!")]


def _files(top: Path) -> Iterator[Path]:
    return (path for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file())


def _travels(path: Path, rules: list[str]) -> bool:
    """The last rule that matches the path or a folder above it decides, as Docker does."""
    travels = True
    for rule in rules:
        if any(_matches(above, rule.removeprefix("!")) for above in (path, *path.parents)):
            travels = rule.startswith("!")
    return travels


def _matches(path: Path, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return any(fnmatch.fnmatch(part, pattern[3:]) for part in path.parts)
    return len(path.parts) == len(Path(pattern).parts) and fnmatch.fnmatch(str(path), pattern)
