"""Jobs and outcomes as plain values, which travel between the server and the process of a worker."""

from collections.abc import Sequence
from typing import Any

from handler.errors import BadOutput, OutOfMemory, PredictionFailed, PredictionRefused
from handler.job import Input, Job, Outcome, Output, Part, StreamChunk
from handler.workers.process.channel import out_of_band

_PLAIN = (int, float, str, bytes)
_NAMED = {kind.__name__: kind for kind in (OutOfMemory, PredictionFailed)}


def plain(value: Any) -> Any:
    """The value itself, or that of its built-in type: the number of an enumeration, say; else its text."""
    if value is None or type(value) in (bool, *_PLAIN):
        return value
    kind = next((kind for kind in _PLAIN if isinstance(value, kind)), str)
    return kind(value)


def pack_job(job: Job) -> tuple[Any, ...]:
    """A job without its reply; one that its handler has seen needs no body any more."""
    request = job.input
    parts = () if job.continued else [(part.name, part.content_type, out_of_band(part.value)) for part in request.parts]
    return (
        job.request_id,
        job.continued,
        parts,
        [*map(tuple, request.headers)],
        (request.case_preserved, request.has_tensors),
    )


def unpack_job(packed: Sequence[Any], reply: object) -> Job:
    """The job, whose answer is for that `reply`."""
    request_id, continued, parts, headers, flags = packed
    job = Job(Input(tuple(Part(*part) for part in parts), headers, *flags), request_id, reply)
    job.continued = continued
    return job


def pack_outcome(outcome: Outcome) -> tuple[Any, ...]:
    """An outcome: its kind, and its content."""
    if isinstance(outcome, Output):
        return "output", *_pack_output(outcome)
    if isinstance(outcome, StreamChunk):
        return "chunk", *_pack_output(outcome.output)
    if isinstance(outcome, PredictionRefused):
        return "refused", plain(outcome.message), plain(outcome.code)
    if isinstance(outcome, BadOutput):
        return "bad", str(outcome)
    return (type(outcome).__name__,)


def unpack_outcome(packed: Sequence[Any]) -> Outcome:
    """The outcome; an error that is not known is a failed prediction."""
    kind, *content = packed
    if kind == "output":
        return Output(*content)
    if kind == "chunk":
        return StreamChunk(Output(*content))
    if kind == "refused":
        return PredictionRefused(*content)
    if kind == "bad":
        return BadOutput(*content)
    return _NAMED.get(kind, PredictionFailed)()


def _pack_output(output: Output) -> tuple[Any, ...]:
    return out_of_band(output.body), plain(output.status), plain(output.phrase), output.headers
