"""The service in the process of a worker: between its channel and an archive that has Python to itself."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from time import perf_counter
from types import ModuleType

from handler.batching.thread_governor import ThreadGovernor
from handler.devices.device import Device
from handler.errors import is_out_of_memory
from handler.job import JobOutcomes
from handler.workers.continuous import load_service
from handler.workers.process.channel import Channel
from handler.workers.process.child_reports import Reports
from handler.workers.process.serialization import pack_outcome, unpack_job
from handler.workers.service import ResponseTooLarge, Service
from handler.workers.spec import ServiceSpec
from handler.workers.traces import own_traceback

_ANY_OBJECT = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
"""torch's own switch; it is looked at by each torch.load that does not say `weights_only` itself."""


class ChildEnvironment:
    """The environment of the only handler in a process: Python as it is."""

    def __init__(self, folder: Path, allow_pickles: bool) -> None:
        self.namespace = OwnPython(folder)
        self.changed_variables = os.environ
        self._allow_pickles = allow_pickles

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Let files of torch.save hold any object while the handler is loaded, if that is allowed."""
        given = os.environ.get(_ANY_OBJECT)
        if self._allow_pickles and given is None:
            os.environ[_ANY_OBJECT] = "1"
        try:
            yield
        finally:
            if given is None:
                os.environ.pop(_ANY_OBJECT, None)

    def write_line(self, stream: str, line: str) -> None:
        """Write to the process's own streams."""
        with suppress(OSError, ValueError):  # its code may have closed the stream
            print(line, file=getattr(sys, stream), flush=True)

    def on_failure(self, error: Exception) -> None:
        """Nothing: it has its process."""


class OwnPython:
    """The modules of the only archive in the process: those that Python itself finds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"<OwnPython for {self.folder}>"

    def holds(self, top: str) -> bool:
        """Return whether the archive has a module of that top-level name."""
        return PathFinder.find_spec(top, [str(self.folder)]) is not None

    def forbids(self, top: str) -> bool:
        """Return whether Python has imported another module of that name already."""
        return top in sys.modules

    def load(self, name: str) -> ModuleType:
        """Import the module of that name; raises what its code raises."""
        return import_module(name)


class ChildService:
    """Serves one batch after the other, on the main thread."""

    def __init__(self, spec: ServiceSpec, reports: Reports, governor: ThreadGovernor) -> None:
        self._spec = spec
        self._reports = reports
        self._governor = governor

    def load(self, device: Device) -> None:
        """Report whether it has loaded; exits where it has not."""
        self._governor.apply_share()
        try:
            environment = ChildEnvironment(self._spec.folder, self._spec.allow_pickles)
            self._service = self._load(environment, device)
        except BaseException as error:
            lines = own_traceback(error)
            self._reports.answer("failed", (is_out_of_memory(error), f"{type(error).__name__}: {error}", lines))
            raise SystemExit(1) from None
        self._governor.apply_share()
        self._reports.answer("loaded")

    def serve(self, channel: Channel) -> None:
        """Serve until the server finishes. All but `Exception` end the process."""
        for number, concurrent, packed in channel:
            jobs = [unpack_job(job, (number, index)) for index, job in enumerate(packed)]
            self._governor.choose(concurrent=concurrent)
            with self._reports.batch():
                started_at = perf_counter()
                try:
                    outcomes = self._service.predict(jobs, self._send_chunks)
                except ResponseTooLarge:
                    raise SystemExit(1) from None  # it is in the log, and no bug of the handler
                self._governor.record(len(jobs), perf_counter() - started_at)
                times = tuple(getattr(self._service, "last_times", None) or ())
                threads, decision = self._governor.tuning
                tuning = threads, decision and tuple(decision)
                self._reports.answer("done", ([pack_outcome(outcome) for outcome in outcomes], times, tuning))
        self._service.close()

    def _load(self, environment: ChildEnvironment, device: Device) -> Service:
        return load_service(self._spec, environment, device, self._governor.apply_share)

    def _send_chunks(self, outcomes: JobOutcomes) -> None:
        for job, outcome in outcomes:
            self._reports.answer("chunk", (*job.reply, pack_outcome(outcome)))
