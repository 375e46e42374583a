"""The process that loads one archive for `marserve optimize`: a JSON object in each line in, and one for it out.

`python -m app.commands.optimize.child ARCHIVE`; the first line out is written once the archive has loaded.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.commands.export.onnx_exporter import short_reason
from app.commands.optimize.agreement import Limits
from app.commands.optimize.derived_archive import HandlerSource
from app.commands.optimize.loaded_archive import LiveModel, LoadedArchive, load_archive
from app.commands.optimize.recording import Recording, UnsupportedModel
from app.commands.optimize.targets.registry import TARGETS
from app.commands.optimize.targets.target import BuildContext, LeftOut
from app.commands.sample_requests import Sample, file_sample
from app.commands.smoke_test import resident_memory

MAX_OUTPUT_LINES = 20
"""Lines of the handler that are shown when something fails."""


class Child:
    """Answers the commands of the parent about one loaded archive."""

    def __init__(self, loaded: LoadedArchive, samples: Sequence[Sample]) -> None:
        self._loaded, self._samples = loaded, samples

    def __repr__(self) -> str:
        return f"<Child of {self._loaded}>"

    def start(self, spawned_at: float) -> dict[str, Any]:
        """Answer a first sample; the seconds since the process was spawned, and the bytes of memory."""
        (answer,) = self._loaded.predict(self._samples[:1])
        if answer.status >= 400:
            raise UnsupportedModel(f"a sample is answered with {answer.status}: {answer.body[:300].decode()}")
        return {"start_seconds": time.time() - spawned_at, "memory": resident_memory()}

    def record(self, file: str, neighbours: int) -> dict[str, Any]:
        """Record samples and neighbours into a file."""
        recording = self._loaded.record(self._samples, neighbours)
        recording.save(Path(file))
        return {"calls": len(recording.calls), "constants": list(recording.constants)}

    def handler(self) -> dict[str, Any]:
        """The handler and its model. Raises UnsupportedModel where it holds none, or several."""
        models = self._loaded.models()
        if len(models) != 1:
            found = ", ".join(".".join(live.path) for live in models) or "none"
            raise UnsupportedModel(f"a handler has to hold one model in its attributes; found: {found}")
        return source_of(self._loaded, models[0])

    def measure(self, rows: int, seconds: float) -> dict[str, Any]:
        """The median seconds of a batch of so many requests, those of processors, and the memory."""
        found = self._loaded.measure(self._samples, rows, seconds)
        elapsed, used = (statistics.median(each) for each in zip(*found, strict=True))
        return {"seconds": elapsed, "cpu_seconds": used, "batches": len(found), "memory": resident_memory()}


def source_of(loaded: LoadedArchive, live: LiveModel) -> dict[str, Any]:
    """The fields of HandlerSource."""
    owner = loaded.entry_point.owner
    name, _, function = (loaded.archive.manifest.handler or "").partition(":")
    module = name.removesuffix(".py").rpartition("/")[2]
    file = loaded.archive.folder / f"{module}.py"
    bases = {each.__name__ for each in type(owner).__mro__}
    return {
        "module": module if file.is_file() else f"ts.torch_handler.{module}",
        "class_name": "" if owner is None else type(owner).__name__,
        "function": function or "handle",
        "path": list(live.path),
        "kind": live.kind,
        "is_base_handler": "BaseHandler" in bases,
        "knows_onnx": file.is_file() and any(word in file.read_text() for word in ("onnx", "get_providers")),
    }


def handler_source(fields: Mapping[str, Any]) -> HandlerSource:
    """The handler of the fields that a child has sent."""
    return HandlerSource(**{**fields, "path": tuple(fields["path"])})


def build(command: Mapping[str, Any]) -> dict[str, Any]:
    """Build a target; the original is loaded where that is needed."""
    context = BuildContext(
        Path(command["archive"]), Recording.load(Path(command["recording"])), command["kind"], Path(command["folder"]),
        Path(command["shared"]), Limits(**command["limits"]), command["seconds"],
    )  # fmt: skip
    built = TARGETS[command["target"]].build(context)
    return {
        "kind": built.kind, "files": dict(built.files), "settings": dict(built.settings),
        "config": dict(built.config), "notes": list(built.notes),
    }  # fmt: skip


def main() -> int:
    """Serve the parent until it closes the pipe."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # prints of libraries are no answers
    head = json.loads(sys.stdin.readline())
    lines: list[str] = []

    def answer(call: Any) -> bool:
        try:
            found = {"ok": True, **call()}
        except (LeftOut, UnsupportedModel) as error:
            found = {"ok": False, "error": str(error)}
        except Exception as error:
            found = {"ok": False, "error": short_reason(error), "output": lines[-MAX_OUTPUT_LINES:]}
        print(json.dumps(found), file=out, flush=True)
        return bool(found["ok"])

    if "target" in head:
        return 0 if answer(lambda: build(head)) else 1
    return _serve(head, answer, lines)


def _serve(head: Mapping[str, Any], answer: Any, lines: list[str]) -> int:
    samples = [file_sample(Path(file)) for file in head["samples"]]
    try:
        with load_archive(Path(head["archive"]), lines.append) as loaded:
            child = Child(loaded, samples)
            answer(lambda: child.start(head["spawned_at"]))
            for line in sys.stdin:
                command = json.loads(line)
                answer(lambda command=command: getattr(child, command.pop("call"))(**command))
    except Exception as error:
        cause = error.__cause__ or error
        reason = f"it does not load: {short_reason(cause)}"
        return 0 if answer(lambda: _fail(reason)) else 1
    return 0


def _fail(reason: str) -> dict[str, Any]:
    raise UnsupportedModel(reason)


if __name__ == "__main__":
    sys.exit(main())
