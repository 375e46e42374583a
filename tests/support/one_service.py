"""A service for tests: an archive is loaded on a worker's thread, and one batch after the other goes through it."""

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from handler.devices.device import Device
from handler.job import Input, Job, Output, Part
from handler.workers.service import Service
from handler.workers.spec import ServiceSpec
from tests.support.one_worker import OneWorker

Predict = Callable[..., list[tuple[int, Any]]]
"""Takes the requests of one batch; returns the status and the answer, read from JSON, of each."""


@contextmanager
def service_of(archive: Path, folder: Path) -> Iterator[Predict]:
    """Unpack a .mar file into the folder and load it on the CPU."""
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    manifest = json.loads((folder / "MAR-INF" / "MANIFEST.json").read_text())
    config = yaml.safe_load((folder / "model-config.yaml").read_text())
    spec = ServiceSpec(
        manifest["model"]["modelName"], folder, manifest, manifest["model"]["handler"], 4, lambda: config
    )
    worker = OneWorker(folder)
    service = worker.run(Service.load, spec, worker.environment, Device("cpu"), lambda: None)

    def predict(*inputs: Input) -> list[tuple[int, Any]]:
        jobs = [Job(each, str(number)) for number, each in enumerate(inputs)]
        outputs: list[Output] = worker.run(service.predict, jobs, lambda answers: None)
        return [(output.status, json.loads(output.body)) for output in outputs]

    try:
        yield predict
    finally:
        worker.close()


def body(value: Any, content_type: str = "application/json") -> Input:
    """A request with that body: bytes as they are, text in UTF-8, anything else as JSON."""
    text = value if isinstance(value, bytes | str) else json.dumps(value)
    return Input((Part("body", content_type, text if isinstance(text, bytes) else text.encode()),))


def form(**fields: str) -> Input:
    """A request with a form."""
    return Input(tuple(Part(name, "", value.encode()) for name, value in fields.items()))
