"""Calls of a worker's code that need a process of its own, noticed while it runs on a thread."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import get_ident

from handler.isolation.calling_archive import is_importing_library
from handler.isolation.process.output_capture import WriteLine
from handler.isolation.thread_inheritance import InheritedValue


class ProcessRequired(BaseException):
    """Ends the load or the batch of a worker that is to go on in a process of its own."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProcessNeed:
    """The need of one worker.

    One that `can_move` becomes a process: what its code was about to do is done there. Any other goes on as it is, but
    what would harm the server is refused, with a line of the model's log.
    """

    def __init__(self, write_line: WriteLine, *, can_move: bool) -> None:
        self.can_move = can_move
        self.reason = ""
        """The first reason to move, "" while there is none."""
        self.thread = 0
        """The identifier of the worker's own thread."""
        self._write_line = write_line
        self._refused: set[str] = set()

    def __repr__(self) -> str:
        return f"<ProcessNeed{': ' + self.reason if self.reason else ''}{', can move' if self.can_move else ''}>"

    def require(self, reason: str) -> None:
        """End what the worker is doing, so that it moves, by an exception; inside an import of a library, afterwards.

        Does nothing for a worker that cannot move.
        """
        if not self.can_move:
            return
        self.reason = self.reason or reason
        if is_importing_library():
            return
        if get_ident() == self.thread:
            raise ProcessRequired(self.reason)
        raise SystemExit(1)  # of this very class, which alone ends a thread without a traceback

    def record(self, reason: str) -> None:
        """Have the worker move at its next `check`; of one that cannot, the model's log says what was undone."""
        if self.can_move:
            self.reason = self.reason or reason
        else:
            self.refuse(reason)

    def refuse(self, reason: str) -> None:
        """Write to the model's log what was not done, once for each reason."""
        if reason not in self._refused:
            self._refused.add(reason)
            self._write_line("stderr", f"Refused, since it {reason}: say isolation: process in model-config.yaml.")

    def check(self) -> None:
        """Raise ProcessRequired if there has been a reason."""
        if self.reason:
            raise ProcessRequired(self.reason)


PROCESS_NEED: InheritedValue[ProcessNeed] = InheritedValue()


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that a thread meets where a process of its own would not."""

    pattern: "re.Pattern[str]"
    reason: str
    while_serving: bool
    """Whether it counts while the handler serves, too; else only while it loads."""


def reason_in(error: BaseException, *, serving: bool = False) -> str:
    """Why a process may do better, by an exception and those that led to it; "" if nothing hints at that."""
    for each in _causes(error):
        text = _text_of(each)
        for refusal in _refusals():
            if (refusal.while_serving or not serving) and refusal.pattern.search(text):
                return f"{refusal.reason} ({type(each).__name__}: {text})"
    return ""


def _text_of(error: BaseException) -> str:
    """The text of an exception of the archive's, which may raise anything."""
    try:
        return str(error)
    except Exception:
        return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


@cache
def _refusals() -> tuple[Refusal, ...]:
    table = json.loads(Path(__file__).with_name("thread_refusals.json").read_bytes())
    return tuple(
        Refusal(re.compile(entry["pattern"], re.IGNORECASE), entry["reason"], entry.get("while_serving", False))
        for entry in table
    )
