"""The `sys` of an archive's code: the parts that belong to a process are the archive's own."""

import sys
from types import ModuleType
from typing import Any

from handler.isolation.process.output_capture import OUTPUT

_OWN = {"path", "modules", "stdout", "stderr"}

# Code that restores "the original" stream means the one that it had.
_ORIGINALS = {"__stdout__": "stdout", "__stderr__": "stderr"}


class ArchiveSys(ModuleType):
    """`sys` with a `path` and `modules` of the archive's, and streams that it may replace; all else is the real one's.

    Only archives' own code gets it: for libraries and the server nothing changes, and `path` is a plain list.
    """

    path: list[str]
    modules: dict[str, ModuleType]

    def __init__(self, path: list[str], modules: dict[str, ModuleType]) -> None:
        super().__init__("sys", sys.__doc__)
        vars(self).update(path=path, modules=modules, __spec__=sys.__spec__, __loader__=sys.__loader__)

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, _ORIGINALS.get(name, name))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            super().__setattr__(name, value)
        else:
            setattr(sys, name, value)

    def __dir__(self) -> list[str]:
        return dir(sys)

    def __repr__(self) -> str:
        return repr(sys)

    @property
    def stdout(self) -> Any:
        """The stream that the archive's code put there, else the process's, which finds the worker of each write."""
        return _stream("stdout")

    @stdout.setter
    def stdout(self, stream: Any) -> None:
        _redirect("stdout", stream)

    @property
    def stderr(self) -> Any:
        """The stream that the archive's code put there, else the process's, which finds the worker of each write."""
        return _stream("stderr")

    @stderr.setter
    def stderr(self, stream: Any) -> None:
        _redirect("stderr", stream)


def _stream(name: str) -> Any:
    output = OUTPUT.get()
    return output.redirected.get(name, getattr(sys, name)) if output else getattr(sys, name)


def _redirect(name: str, stream: Any) -> None:
    if output := OUTPUT.get():
        output.redirect(name, stream)
