"""Workers of one archive for tests: a handler's source in a folder, a batcher, and the outcomes that come of it."""

import queue
import textwrap
from pathlib import Path
from typing import Any

from handler.batching.batcher import Batcher
from handler.devices.cpu_budget import Cores
from handler.devices.device import CPU
from handler.job import Input, Job, JobOutcomes, Outcome, Output, Part
from handler.metrics.server_metrics import Metrics
from handler.workers.spec import ServiceSpec, WorkerSpec
from tests.support.one_worker import write

WAIT_SECONDS = 30.0


class WorkerFixture:
    """Makes the parts of workers, and collects what they send."""

    def __init__(self, folder: Path, handler: str, **options: Any) -> None:
        write(folder, {"handler.py": textwrap.dedent(handler)})
        self.service = ServiceSpec("m", folder, {}, "handler.py", 4, **options)
        self.batcher = Batcher(4, 0, 100)
        self.metrics = Metrics(hostname="vm").add_version("m", "1.0")
        self.lines: list[str] = []
        self.delivered: queue.Queue[tuple[Job, Outcome]] = queue.Queue()

    def spec(self, index: int = 0, *, in_process: bool = False) -> WorkerSpec:
        """The specification of a worker."""
        number = 9000 + index
        return WorkerSpec(
            self.service, index, number, f"W-{number}-m_1.0", CPU, Cores(1, 1, 1),
            lambda stream, line: self.lines.append(line), in_process,
        )  # fmt: skip

    def deliver(self, outcomes: JobOutcomes) -> None:
        """Collect outcomes."""
        for outcome in outcomes:
            self.delivered.put(outcome)

    def submit(self, text: str) -> Job:
        """Submit a job."""
        job = text_job(text)
        self.batcher.submit(job)
        return job

    def outcome(self) -> Any:
        """The next outcome: the body of an output, an error as it is."""
        _, outcome = self.delivered.get(timeout=WAIT_SECONDS)
        return outcome.body.decode() if isinstance(outcome, Output) else outcome


def text_job(text: str) -> Job:
    """A job with a body of text."""
    return Job(Input((Part("body", "text/plain", text.encode()),)), text)
