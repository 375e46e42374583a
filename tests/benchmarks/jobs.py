"""The jobs of the servers: archives, 16 different requests for each, and the right answer to every request."""

import dataclasses
import json
import random
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from app.initial_models.sample_archives import EXAMPLES, sign
from model_registry.archive.archive_spec import ArchiveSpec
from model_registry.archive.packer import pack
from signflow.benchmark.load_generator import make_bodies

ROOT = Path(__file__).parent.parent.parent
MODELS = Path(__file__).parent / "models"
BODIES = 16
TOLERANCE = 3e-4
"""The distance that a number may have from the right one: answers of signs are rounded to four digits."""


class Body(NamedTuple):
    """A request's body."""

    content_type: str
    value: bytes


@dataclass(frozen=True)
class Serving:
    """The model-config.yaml of a job, the same for every server. The delay is in milliseconds."""

    workers: int = 1
    batch: int = 16
    delay: int = 5
    queue: int = 1000

    def yaml(self) -> str:
        """The file's text; the queue is long, so that a closed loop is never refused."""
        return (
            f"minWorkers: {self.workers}\nmaxWorkers: {self.workers}\nbatchSize: {self.batch}\n"
            f"maxBatchDelay: {self.delay}\njobQueueSize: {self.queue}\n"
        )


@dataclass(frozen=True)
class Job:
    """A model and its requests: `spec` makes its parts in a folder."""

    name: str
    spec: Callable[[Path], ArchiveSpec]
    bodies: Callable[[], list[Body]]

    def build(self, store: Path, serving: Serving) -> Path:
        """Make the archive, which is named like the job, in the store."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            config = folder / "model-config.yaml"
            config.write_text(serving.yaml())
            return pack(dataclasses.replace(self.spec(folder), config_file=str(config)), store, force=True)


def same(found: Any, expected: Any) -> bool:
    """Whether two JSON values are equal but for what floating point does to numbers."""
    if isinstance(expected, float):
        return isinstance(found, (int, float)) and abs(found - expected) <= TOLERANCE
    if isinstance(expected, dict):
        return isinstance(found, dict) and found.keys() == expected.keys() and all(
            same(found[key], value) for key, value in expected.items()
        )  # fmt: skip
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(same, found, expected))
    return bool(found == expected)


def right_answers(archive: Path, bodies: Sequence[Body]) -> list[Any]:
    """The answers of the archive's own handler without a server, each request alone, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        write(bodies, Path(folder))
        return list(run_bare(archive, Path(folder), "--answers"))


def run_bare(archive: Path, bodies: Path, *options: str) -> Any:
    """Run `bare` as a process of its own; returns the JSON that it prints."""
    command = [sys.executable, "-m", "tests.benchmarks.bare", str(archive), str(bodies), *options]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout
    return json.loads(told.splitlines()[-1])


def write(bodies: Sequence[Body], folder: Path) -> None:
    """Bodies as files that load generators read: 00, 01, ... and their content type."""
    folder.mkdir(exist_ok=True)
    (folder / "content-type").write_text(bodies[0].content_type)
    for number, body in enumerate(bodies):
        (folder / f"{number:02}").write_bytes(body.value)


def read(folder: Path) -> list[Body]:
    """The bodies that `write` has written."""
    kind = (folder / "content-type").read_text()
    return [Body(kind, file.read_bytes()) for file in sorted(folder.glob("[0-9][0-9]"))]


def _json_bodies(make: Callable[[random.Random, int], Any]) -> list[Body]:
    """Each differs from the others, so that an answer which goes to the wrong client shows."""
    chance = random.Random(11)
    return [Body("application/json", json.dumps(make(chance, number)).encode()) for number in range(BODIES)]


def _echo(folder: Path) -> ArchiveSpec:
    return ArchiveSpec("echo", "1.0", str(MODELS / "echo/handler.py"))


def _slow(folder: Path) -> ArchiveSpec:
    return ArchiveSpec("slow", "1.0", str(MODELS / "slow/handler.py"))


def _mlp(folder: Path) -> ArchiveSpec:
    """An eager model: its class and its weights."""
    import torch

    torch.manual_seed(1)
    weights = folder / "mlp.pt"
    model = MODELS / "mlp/model.py"
    torch.save(runpy.run_path(str(model))["Mlp"]().state_dict(), weights)
    return ArchiveSpec("mlp", "1.0", str(MODELS / "mlp/handler.py"), str(model), str(weights))


def _sign(folder: Path) -> ArchiveSpec:
    """The transformer of the example, in TorchScript."""
    from signflow.archive import read_labels
    from signflow.training.export import export
    from signflow.training.model import WEIGHTS, load

    weights = folder / "transformer.pt"
    export(load("transformer", len(read_labels()), WEIGHTS / "transformer.npz"), weights)
    handler = str(EXAMPLES / "signflow/handler.py")
    return dataclasses.replace(sign(), model_name="sign", handler=handler, serialized_file=str(weights))


def _sign_onnx(folder: Path) -> ArchiveSpec:
    """The same model in ONNX, by the same handler, which imports torch."""
    return dataclasses.replace(sign(), model_name="sign_onnx", handler=str(EXAMPLES / "signflow/handler.py"))


def _onnx(folder: Path) -> ArchiveSpec:
    """The same ONNX file, by a handler that needs no torch."""
    return dataclasses.replace(sign(), model_name="onnx")


def _numbered(chance: random.Random, number: int) -> Any:
    return {"id": number, "text": f"hello {number}", "x": chance.random()}


def _windows() -> list[Body]:
    return [Body(*body) for body in make_bodies(BODIES, "windows")]


def _json_windows() -> list[Body]:
    """Windows as lists of numbers, some 600 kB each; none is 0, as cameras have noise."""
    noise = np.random.default_rng(1).normal(0, 1e-3, (64, 469))
    windows = [np.frombuffer(body.value, "<f4").reshape(noise.shape) + noise for body in _windows()]
    return [Body("application/json", json.dumps({"window": window.tolist()}).encode()) for window in windows]


JOBS = {
    job.name: job
    for job in (
        Job("echo", _echo, lambda: _json_bodies(_numbered)),
        Job("mlp", _mlp, lambda: _json_bodies(lambda chance, _: {"features": [chance.gauss(0, 3) for _ in range(4)]})),
        Job("sign", _sign, _windows),
        Job("sign_onnx", _sign_onnx, _windows),
        Job("onnx", _onnx, _windows),
    )
}
SLOW = Job("slow", _slow, lambda: _json_bodies(_numbered))
"""Serves a known number of requests a second."""
LARGE = Job("onnx", _onnx, _json_windows)
"""Large bodies."""
