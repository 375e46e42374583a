"""Warm-up: requests of the archive's own that a worker answers before it counts as loaded.

The key `warmup` of model-config.yaml lists them; TorchServe does not know it and leaves it alone.
"""

import json
import mimetypes
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from handler.errors import HandlerError
from handler.job import Deliver, Input, Job, Outcome, Part, StreamChunk

Predict = Callable[[Sequence[Job], Deliver], list[Outcome]]
CONTENT_TYPES = {"json": "application/json", "text": "text/plain", "file": ""}
"""The kinds of requests; the content type of a file follows from its suffix."""


class WarmUpFailed(Exception):
    """The model does not answer its own examples, or they are not valid; it is not served."""


def warm_up(predict: Predict, config: object, folder: Path) -> None:
    """Serve each request under `warmup`, in order, one by one; its files lie in `folder`. Raises WarmUpFailed."""
    requests = listed_requests(config, folder)
    for number, request in enumerate(requests, 1):
        job = Job(request, f"warmup-{number}")
        (outcome,) = predict([job], lambda outcomes: None)
        while isinstance(outcome, StreamChunk):  # a handler that is called again for a job
            job.continued = True
            (outcome,) = predict([job], lambda outcomes: None)
        if isinstance(outcome, HandlerError):
            raise WarmUpFailed(f"warm-up request {number} of {len(requests)} was answered with an error: {outcome}")


def listed_requests(config: object, folder: Path) -> list[Input]:
    """The requests under `warmup`, none where there is no such key; raises WarmUpFailed."""
    listed = config.get("warmup") if isinstance(config, Mapping) else None
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise WarmUpFailed(f"warmup has to be a list of requests, not {listed!r}")
    return [_request(each, folder) for each in listed]


def _request(entry: object, folder: Path) -> Input:
    kinds = CONTENT_TYPES.keys() & entry.keys() if isinstance(entry, Mapping) else set()
    if not isinstance(entry, Mapping) or len(kinds) != 1 or entry.keys() - kinds - {"content_type"}:
        raise WarmUpFailed(
            f"a warm-up request has one of {', '.join(CONTENT_TYPES)}, and maybe content_type; not {entry!r}"
        )
    (kind,) = kinds
    guessed = CONTENT_TYPES[kind] or mimetypes.guess_type(str(entry[kind]))[0] or "application/octet-stream"
    content_type = str(entry.get("content_type", guessed))
    body = Part("body", content_type.partition(";")[0].strip(), _body(kind, entry[kind], folder))
    return Input((body,), (("content-type", content_type), ("content-length", str(len(body.value)))))


def _body(kind: str, value: Any, folder: Path) -> bytes:
    if kind == "json":
        return json.dumps(value).encode()
    if kind == "text":
        return str(value).encode()
    try:
        return (folder / str(value)).read_bytes()
    except OSError as error:
        raise WarmUpFailed(f"the file of a warm-up request cannot be read: {error}") from error
