"""The values that travel between the event loop and the workers: a request's input, its job, and what comes back."""

from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any, NamedTuple

from handler.errors import HandlerError


class Part(NamedTuple):
    """One named value of a request: the body, a form field, a file or a query parameter.

    `content_type` is the MIME type without parameters, "" where none was given; it decides how a handler sees `value`.
    """

    name: str
    content_type: str
    value: bytes | bytearray


class Input(NamedTuple):
    """A request as a handler will see it: its parts, and (name, value) of its headers as they came over the wire."""

    parts: tuple[Part, ...]
    headers: Iterable[tuple[str, str]] = ()
    case_known: bool = True
    """Whether header names still have the client's spelling; where a server folded it, look-ups fold too."""


class Output(NamedTuple):
    """What a handler answered for one row: an encoded body, and the status and headers it set through its context."""

    body: bytes
    status: int = 200
    phrase: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class StreamChunk(NamedTuple):
    """An intermediate part of a streamed answer; an `Output` follows as the last."""

    output: Output


Outcome = Output | StreamChunk | HandlerError
"""What is delivered for a job: any number of pieces, then exactly one output or error."""


class Job:
    """One request in flight, with its reply.

    `reply` belongs to whoever submitted the job and is opaque here. `left` is set when the client has gone: a job
    that nobody waits for is not served. A job that is `alone` shares its batch with no other. `sequence` names the
    sequence that it belongs to, if any. `begun` is set when a handler that is called again for a job has seen it first.
    Times are `time.monotonic()` seconds.
    """

    __slots__ = ("alone", "arrived", "begun", "input", "left", "reply", "request_id", "sequence", "taken")

    def __init__(
        self, request: Input, request_id: str, reply: Any = None, *, alone: bool = False, sequence: str = ""
    ) -> None:
        self.input = request
        self.request_id = request_id
        self.reply = reply
        self.arrived = monotonic()
        self.taken = 0.0
        self.alone = alone
        self.sequence = sequence
        self.begun = False
        self.left = False

    def __repr__(self) -> str:
        return f"<Job {self.request_id}{', left' if self.left else ''}>"


Answers = Sequence[tuple[Job, Outcome]]
