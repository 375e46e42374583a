"""The parts of a build: what goes in, what comes out, and the reason where there is none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.commands.optimize.agreement import Limits
from app.commands.optimize.recording import Recording


class LeftOut(Exception):
    """The target cannot be built here; the text is the reason."""


@dataclass(frozen=True, slots=True)
class BuildContext:
    """The original, and a folder for the files of one target; `shared` is for those that several targets need."""

    archive: Path
    recording: Recording
    kind: str
    """The kind of the original's model: "TorchScript", "module", "ONNX" or "compiled"."""
    folder: Path
    shared: Path
    limits: Limits
    seconds: float
    """The time that a search may take."""


@dataclass(frozen=True, slots=True)
class Built:
    """The files of a target, by their names in the archive, and how they are to be loaded."""

    kind: str
    """The kind of model in adapter/optimised_model.py."""
    files: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of optimised_model.json."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Keys for model-config.yaml."""
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """A form of a model: its name, a line about it, the reason that it cannot be here, and how it is built."""

    name: str
    title: str
    reason: Callable[[str], str]
    """Why it cannot be built of a model of that kind on this machine, "" if it can."""
    build: Callable[[BuildContext], Built]
