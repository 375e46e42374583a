"""Remedies for the usual reasons that a handler does not load, by its own exception."""

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

NO_MANIFEST = (
    "the archive has no MAR-INF/MANIFEST.json; marserve archive writes one "
    "(a .mar that is no zip file unpacks to nothing)"
)
_EXTRAS = {"torch": "torch", "PIL": "vision"}
"""Modules that come with an extra of marserve."""


class Remedy(NamedTuple):
    """A remedy for exceptions of one type whose text matches a pattern."""

    type: type[BaseException]
    pattern: str
    text: Callable[[Mapping[str, str]], str]


def _install(found: Mapping[str, str]) -> str:
    module = found["module"]
    if module in _EXTRAS:
        return f"pip install 'marserve[{_EXTRAS[module]}]'"
    return (
        f"if {module} is yours, archive it with --extra-files; otherwise install it where the server runs, or name it "
        "in a requirements.txt (--requirements-file), which install_py_dep_per_model=true has installed"
    )


REMEDIES: Sequence[Remedy] = (
    Remedy(ModuleNotFoundError, r"No module named '(?P<module>\w+)", _install),
    Remedy(
        KeyError, "'(serializedFile|model)'",
        lambda _: "the handler needs a model file: archive it with --serialized-file",
    ),
    Remedy(
        RuntimeError, "^No model weights could be loaded$",
        lambda _: "the handler needs a model file, .pt, .pth, .onnx or .pt2: archive it with --serialized-file",
    ),
    Remedy(
        ImportError, "failed to map segment from shared object",
        lambda _: f"{tempfile.gettempdir()} is mounted noexec, so native modules cannot be loaded from it: mount it "
        "with exec (docker run --tmpfs /tmp:exec), or set TMPDIR to another folder",
    ),
)  # fmt: skip


def remedy_for(error: BaseException) -> str:
    """The remedy for an exception of a handler that does not load; "" if none is known."""
    for remedy in REMEDIES:
        found = re.search(remedy.pattern, str(error))
        if found and isinstance(error, remedy.type):
            return remedy.text(found.groupdict())
    return ""
