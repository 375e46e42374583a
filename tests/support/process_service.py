"""A service in a process of its own, for tests."""

import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from handler.devices.cpu_budget import Cores
from handler.devices.device import CPU
from handler.job import Input, Job, Output, Part
from handler.workers.process.process_service import ProcessService
from handler.workers.spec import ServiceSpec, WorkerSpec
from tests.support.one_worker import write


class LoadedProcess:
    """A loaded service with its lines, metrics and exits."""

    def __init__(self, folder: Path, handler: str, files: dict[str, str], **service_options: Any) -> None:
        self.lines: list[tuple[str, str]] = []
        self.metrics: list[tuple[Any, ...]] = []
        self.exits: list[int] = []
        self.ended = threading.Event()
        write(folder, {"handler.py": textwrap.dedent(handler), **files})
        options = {"metric_sink": lambda *metric: self.metrics.append(metric), "batch_size": 4, **service_options}
        service = ServiceSpec("m", folder, {}, "handler.py", **options)
        spec = WorkerSpec(service, 0, 9000, "W-9000-m_1.0", CPU, Cores(1, 1, 1), lambda *line: self.lines.append(line))
        self.service = ProcessService(spec, self._record_exit)

    def ask(self, *values: Any, deliver: Callable[[Any], None] = lambda answers: None) -> list[Any]:
        """The outcomes of one batch of texts: the bodies of outputs, errors as they are."""
        jobs = [Job(Input((Part("body", "text/plain", str(value).encode()),)), str(value)) for value in values]
        outcomes = self.service.predict(jobs, deliver, concurrent=False)
        return [outcome.body.decode() if isinstance(outcome, Output) else outcome for outcome in outcomes]

    def _record_exit(self, status: int) -> None:
        self.exits.append(status)
        self.ended.set()


Make = Callable[..., LoadedProcess]
"""Makes a loaded service of a handler's source, and of further files by name."""
