"""An answer of a server, and how two of them differ."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

REASON = True
"""Whether reason phrases must agree."""
MAY_BE_ADDED = {"connection", "x-marserve-reason"}
"""Headers allowed where TorchServe sends none of that name: after a 413 it leaves the connection's fate unsaid."""
MAX_LINES = 12
"""The number of differing lines of a body that are shown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status line, headers and body; `chunks` is the body as it was cut on the wire."""

    status: int
    reason: str
    headers: Mapping[str, str]
    chunks: tuple[str, ...]

    @property
    def body(self) -> str:
        """The body in one piece."""
        return "".join(self.chunks)


Outcome = Answer | int | str
"""An answer, the status of an answer, or the name of the error instead of an answer."""


def differences(wanted: Outcome, got: Outcome) -> list[str]:
    """A line for each difference from the wanted answer."""
    if isinstance(wanted, int) and isinstance(got, Answer):
        return list(_unequal("status", wanted, got.status))
    if isinstance(wanted, Answer) and isinstance(got, Answer):
        return list(_between(wanted, got))
    return list(_unequal("outcome", wanted, got))


def _between(wanted: Answer, got: Answer) -> Iterator[str]:
    yield from _unequal("status", wanted.status, got.status)
    if REASON:
        yield from _unequal("reason", wanted.reason, got.reason)
    for name in sorted(wanted.headers.keys() | (got.headers.keys() - MAY_BE_ADDED)):
        yield from _unequal(f"header {name}", wanted.headers.get(name), got.headers.get(name))
    if wanted.body != got.body:
        yield from _in_lines(wanted.body, got.body)
    elif wanted.chunks != got.chunks:
        yield from _unequal("chunks", wanted.chunks, got.chunks)


def _unequal(name: str, wanted: object, got: object) -> Iterator[str]:
    if wanted != got:
        yield f"{name}: wanted {_short(wanted)}, got {_short(got)}"


def _in_lines(wanted: str, got: str) -> Iterator[str]:
    """The lines that only one of the bodies has, those of the recording with a minus."""
    lines = difflib.ndiff(wanted.splitlines(keepends=True), got.splitlines(keepends=True))
    unequal = [line for line in lines if line[0] in "-+"]
    yield from (f"body {line[0]} {_short(line[2:])}" for line in unequal[:MAX_LINES])
    if len(unequal) > MAX_LINES:
        yield f"body: {len(unequal) - MAX_LINES} more lines differ"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else text[:300] + "..."
