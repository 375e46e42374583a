"""What an archive's code finds in `os.environ`: the process's variables, less the hidden ones, and some of its own."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from handler.isolation.once import once
from handler.isolation.threads import Inherited


@dataclass(frozen=True, slots=True)
class Environment:
    """How the environment looks to a worker; what its code sets there, it sets for the process."""

    hidden: re.Pattern[str] | None = None
    """Matches whole names."""
    added: Mapping[str, str] = field(default_factory=dict)

    def hides(self, name: str) -> bool:
        """Tell whether there is no such variable, even if the process has it."""
        return self.hidden is not None and self.hidden.fullmatch(name) is not None


ENVIRONMENT: Inherited[Environment] = Inherited()


class EnvironByThread(os._Environ[str]):  # noqa: SLF001 (no other class will do)
    """The class that `os.environ` is given; all other ways to read it lead through these three methods."""

    def __getitem__(self, name: str) -> str:
        environment = ENVIRONMENT.get()
        if environment is None or not isinstance(name, str):
            return super().__getitem__(name)
        if environment.hides(name):
            raise KeyError(name)
        added = environment.added.get(name)
        return super().__getitem__(name) if added is None else added

    def __iter__(self) -> Iterator[str]:
        environment = ENVIRONMENT.get()
        if environment is None:
            return super().__iter__()
        names = dict.fromkeys((*super().__iter__(), *environment.added))
        return iter([name for name in names if not environment.hides(name)])

    def __len__(self) -> int:
        return super().__len__() if ENVIRONMENT.get() is None else len(list(iter(self)))

    def __repr__(self) -> str:
        return f"environ({dict(self)!r})"


@once
def install() -> None:
    """Give `os.environ` its class, and hand what it shows to the programs that archives start."""
    os.environ.__class__ = EnvironByThread
    original = subprocess.Popen.__init__

    def start(process: Any, *arguments: Any, **options: Any) -> None:
        if ENVIRONMENT.get() is not None and options.get("env") is None and len(arguments) <= _BEFORE_ENV:
            options["env"] = dict(os.environ)
        original(process, *arguments, **options)

    setattr(subprocess.Popen, "__init__", start)  # noqa: B010 (mypy forbids the plain assignment)


_BEFORE_ENV = 10
"""Parameters of Popen that precede `env`."""
