"""Old files of torch.save: what they hold besides weights, when that is loaded, and what is said where it is not."""

import logging
import os
import pickle
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from types import ModuleType
from typing import Any

from handler.isolation.thread_inheritance import InheritedValue

LOG = logging.getLogger("marserve.pickles")


class PicklePolicy:
    """Whether one worker's code may load files whose objects are of any class, which is to run what they say.

    `allowed` is what the configuration says. Even so it holds only while the handler loads, when all files are the
    archive's or its author's choice; later ones may be a client's.
    """

    def __init__(self, allowed: bool) -> None:
        self.allowed = allowed
        self.loading = False

    def __repr__(self) -> str:
        return (
            f"<PicklePolicy {'in' if self.allowed else 'not in'} pickles, {'now' if self.loading else 'while loading'}>"
        )

    @contextmanager
    def while_loading(self) -> Iterator[None]:
        """Surround the load of the handler."""
        self.loading = True
        try:
            yield
        finally:
            self.loading = False

    @property
    def remedy(self) -> str:
        """The remedies for a file that was refused."""
        if not self.allowed:
            return "set allow_pickles=true in the server's configuration"
        return "load it in initialize, or pass weights_only=False"


PICKLE_POLICY: InheritedValue[PicklePolicy] = InheritedValue()


def patch_load(torch: ModuleType) -> None:
    """Have `torch.load` look at the calling worker's policy."""
    original: Callable[..., Any] = torch.load

    @wraps(original)
    def load(f: Any, *arguments: Any, **options: Any) -> Any:
        policy = PICKLE_POLICY.get()
        return (
            original(f, *arguments, **options) if policy is None else _load(policy, original, f, *arguments, **options)
        )

    for module in (torch, torch.serialization):
        vars(module)["load"] = load


def _load(policy: PicklePolicy, original: Callable[..., Any], file: Any, *arguments: Any, **options: Any) -> Any:
    """As torch's before 2.6, which by default loads more than plain weights; TorchServe's archives are older."""
    start = file.tell() if hasattr(file, "seek") else None
    try:
        with _naming(file):
            return original(file, *arguments, **options)
    except (pickle.UnpicklingError, RuntimeError) as refusal:
        if not _is_refusal(refusal):
            raise
        if not (policy.allowed and policy.loading and _undecided(options)):
            refusal.add_note(_refused(file, refusal, policy))
            raise
    if start is not None:
        file.seek(start)
    with _naming(file):
        result = original(file, *arguments, **{**options, "weights_only": False})
    LOG.warning("%s holds more than weights; it was loaded, because allow_pickles is on.", _name(file))
    return result


@contextmanager
def _naming(file: Any) -> Iterator[None]:
    """Name the file in the error of one that names a class which is not there."""
    try:
        yield
    except (AttributeError, ImportError) as error:
        error.add_note(
            f"{_name(file)} was saved with classes that cannot be imported here. Add the module that defines them "
            "to the archive (--extra-files) under its old name, or save the model's state_dict() instead."
        )
        raise


def _is_refusal(error: Exception) -> bool:
    """Return whether it is torch's refusal of whole objects, or of TorchScript."""
    return "weights_only" in str(error)


def _undecided(options: Mapping[str, Any]) -> bool:
    """Return whether the caller left it to torch what may be loaded."""
    return options.get("weights_only") is None and options.get("pickle_module") is None


def _refused(file: Any, refusal: Exception, policy: PicklePolicy) -> str:
    found = re.search(r"GLOBAL (\S+)", str(refusal))
    culprit = f"an object of class {found[1]}" if found else "more than plain weights"
    return (
        f"{_name(file)} holds {culprit}, which torch does not load by default. Save the model's "
        f"state_dict() instead, or, where you trust the file, {policy.remedy}."
    )


def _name(file: Any) -> str:
    path = file if isinstance(file, str | os.PathLike) else getattr(file, "name", None)
    return f"A {type(file).__name__}" if path is None else os.fspath(path)
