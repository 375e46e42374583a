"""The `os.environ` of an archive's code and the programs that it starts: the process's variables, and its own.

Programs also find the working directory of the thread that starts them, where the system does not see to that.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from handler.isolation.once import once
from handler.isolation.process.working_directory import CURRENT_DIRECTORY
from handler.isolation.thread_inheritance import InheritedValue

# They decide over devices and thread pools, which all models share.
_FOR_ALL = re.compile(r"\w+_VISIBLE_DEVICES|CUDA_DEVICE_ORDER|ZE_AFFINITY_MASK|OMP_\w+|(MKL|OPENBLAS)_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment as the workers of a server see it."""

    hidden: re.Pattern[str] | None = None
    """Matches whole names."""
    added: Mapping[str, str] = field(default_factory=dict)

    def hides(self, name: str) -> bool:
        """Whether there is no such variable, even if the process has it."""
        return self.hidden is not None and self.hidden.fullmatch(name) is not None


class Variables:
    """The environment of one worker: what its code sets is its own, and that of the programs that it starts.

    Libraries written in C read the process's, where they find what any worker has set last; but nothing that decides
    over devices and thread pools.
    """

    def __init__(self, environment: Environment) -> None:
        self.changed: dict[str, str | None] = {}
        """The variables that its code has set, and deleted (None)."""
        self._environment = environment

    def __repr__(self) -> str:
        return f"<Variables, {len(self.changed)} changed>"

    def get(self, name: str, of_process: Callable[[str], str]) -> str:
        """The value; raises KeyError."""
        if name in self.changed:
            value = self.changed[name]
        else:
            value = self._environment.added.get(name)
            if value is None and not self._environment.hides(name):
                return of_process(name)
        if value is None:
            raise KeyError(name)
        return value

    def names(self, of_process: Iterable[str]) -> list[str]:
        """All that there are."""
        seen = dict.fromkeys((*of_process, *self._environment.added))
        there = [name for name in seen if name not in self.changed and not self._environment.hides(name)]
        return there + [name for name, value in self.changed.items() if value is not None]

    def set(self, name: str, value: str) -> None:
        """Do what an assignment to `os.environ[name]` does."""
        if not _FOR_ALL.fullmatch(name):
            os.putenv(name, value)  # raises what is wrong with them
        self.changed[name] = value

    def describe_changes(self) -> Iterator[str]:
        """The changes for the log, by name only: an environment holds secrets."""
        here = [name for name in self.changed if _FOR_ALL.fullmatch(name)]
        if here:
            yield f"changed {_list(here)} for itself and its programs only, since all models share devices and threads"
        if others := self.changed.keys() - here:
            yield f"changed {_list(others)} for itself; libraries written in C find what any model has set last"


VARIABLES: InheritedValue[Variables] = InheritedValue()


class EnvironByThread(os._Environ[str]):  # noqa: SLF001 (no other class will do)
    """The class that `os.environ` is given; all other ways to use it lead through these methods."""

    def __getitem__(self, name: str) -> str:
        variables = VARIABLES.get()
        if variables is None or not isinstance(name, str):
            return super().__getitem__(name)
        return variables.get(name, super().__getitem__)

    def __setitem__(self, name: str, value: str) -> None:
        variables = VARIABLES.get()
        if variables is None or not (isinstance(name, str) and isinstance(value, str)):
            super().__setitem__(name, value)
        else:
            variables.set(name, value)

    def __delitem__(self, name: str) -> None:
        variables = VARIABLES.get()
        if variables is None:
            super().__delitem__(name)
        else:
            self[name]  # raises KeyError where nothing is
            variables.changed[name] = None

    def __iter__(self) -> Iterator[str]:
        variables = VARIABLES.get()
        return super().__iter__() if variables is None else iter(variables.names(super().__iter__()))

    def __len__(self) -> int:
        return super().__len__() if VARIABLES.get() is None else len(list(iter(self)))

    def __repr__(self) -> str:
        return f"environ({dict(self)!r})"


@once
def install() -> None:
    """Give `os.environ` its class, and hand what it shows to the programs that archives start."""
    os.environ.__class__ = EnvironByThread
    original, system = subprocess.Popen.__init__, os.system

    def start(process: Any, *arguments: Any, **options: Any) -> None:
        if VARIABLES.get() is not None and options.get("env") is None and len(arguments) <= _BEFORE_ENV:
            options["env"] = dict(os.environ)
        directory = CURRENT_DIRECTORY.get()
        if directory is not None and len(arguments) <= _BEFORE_CWD:
            options["cwd"] = directory.resolve(options.get("cwd") or ".")
        original(process, *arguments, **options)

    def run(command: Any) -> int:
        if VARIABLES.get() is None:
            return system(command)
        code = subprocess.call(command, shell=True)  # noqa: S602 (as `os.system` does)
        return code << 8 if code >= 0 else -code

    setattr(subprocess.Popen, "__init__", start)  # noqa: B010 (mypy forbids the plain assignment)
    os.system = run


# Parameters of Popen that precede those two.
_BEFORE_CWD = 9
_BEFORE_ENV = 10


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
