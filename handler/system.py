"""The parts of `sys` that a process has to itself and its threads have to share."""

import importlib._bootstrap_external as bootstrap_external
import sys
from collections.abc import MutableMapping
from types import ModuleType
from typing import Any

from handler.asking import MARK, MODULES, Modules
from handler.once import once
from handler.output import SPEECH

_real = vars(sys)


def real_path() -> list[str]:
    """The `sys.path` of the process itself."""
    path: list[str] = _real["path"]
    return path


class SystemByThread(ModuleType):
    """The class that `sys` is given: each worker has its own `sys.modules`, `sys.path`, `sys.stdout` and `sys.stderr`.

    Properties serve every reader (`[*sys.path]`, `os.pathsep.join(sys.path)`, "from sys import path"), libraries
    included, and give a plain list, which no subclass of list and no shared entry could do. The interpreter itself
    (`print`, start-up, shut-down) reads the dictionary and never comes here.
    """

    @property
    def modules(self) -> MutableMapping[str, ModuleType]:
        """The archive's view for its own code; libraries, which serve other archives as well, see all there is."""
        owner: Modules | None = sys._getframe(1).f_builtins.get(MARK)  # noqa: SLF001
        return _real["modules"] if owner is None else owner.view

    @modules.setter
    def modules(self, modules: dict[str, ModuleType]) -> None:
        _real["modules"] = modules

    @property
    def path(self) -> list[str]:
        """The worker's own, for all but the import system, which would take an archive's module for everybody's."""
        modules = MODULES.get()
        if modules is None or sys._getframe(1).f_globals is vars(bootstrap_external):  # noqa: SLF001
            return real_path()
        return modules.path

    @path.setter
    def path(self, path: list[str]) -> None:
        if modules := MODULES.get():
            modules.path = path
        else:
            _real["path"] = path

    @property
    def stdout(self) -> Any:
        """What the worker's code put there, else the process's."""
        return _stream("stdout")

    @stdout.setter
    def stdout(self, stream: Any) -> None:
        _redirect("stdout", stream)

    @property
    def stderr(self) -> Any:
        """What the worker's code put there, else the process's."""
        return _stream("stderr")

    @stderr.setter
    def stderr(self, stream: Any) -> None:
        _redirect("stderr", stream)


def _stream(name: str) -> Any:
    speech = SPEECH.get()
    return _real[name] if speech is None else speech.redirected.get(name, _real[name])


def _redirect(name: str, stream: Any) -> None:
    speech = SPEECH.get()
    if speech is None:
        _real[name] = stream
    elif stream is _real[name]:
        speech.redirected.pop(name, None)
    else:
        speech.redirected[name] = stream


@once
def install() -> None:
    """Give `sys` its class."""
    sys.__class__ = SystemByThread
