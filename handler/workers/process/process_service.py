"""A service in a process of its own: a crash costs one batch only, and where it hangs it can be killed."""

import os
import pickle
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

from handler.batching.autotuner import Decision
from handler.batching.thread_governor import Tuning, log_decision
from handler.devices.device import Device
from handler.errors import ChildFailed, ChildOutOfMemory
from handler.isolation.process.environ import Environment
from handler.isolation.process.exit_trap import WorkerExit
from handler.job import Deliver, Job, Outcome, StreamChunk
from handler.job_times import HandlerTimes
from handler.workers.process.child_process import ChildProcess
from handler.workers.process.serialization import pack_job, unpack_outcome
from handler.workers.spec import ServiceSpec, WorkerSpec


class ProcessService:
    """Loads and calls a service in a child process, for a worker's thread, which waits meanwhile.

    `on_exit` is called with the exit status of a process that ends between two calls.
    """

    def __init__(self, spec: WorkerSpec, on_exit: Callable[[int], None]) -> None:
        self._spec = spec
        self._on_exit = on_exit
        self._child: ChildProcess | None = None
        self._call_number = 0
        self.last_times: HandlerTimes | None = None
        """The times of the last batch, as the process has measured them."""
        self._tuning: Tuning = (spec.cores.share, None)
        self._is_calling = self._is_killed = self._is_closed = False

    def __repr__(self) -> str:
        return f"<ProcessService {self._spec.label} in {self._child}>"

    @property
    def pid(self) -> int:
        """The child's, once there is one."""
        return self._child.pid if self._child else os.getpid()

    @property
    def tuning(self) -> Tuning:
        """The threads of a batch, and the last decision about them, as the process has reported."""
        return self._tuning

    def load(self) -> None:
        """Start the process, and load there; raises ChildFailed, or WorkerExit if it ends instead."""
        folder, hello = self._spec.service.folder, self._hello(self._spec.device)
        self._child = ChildProcess(folder, self._environ(), self._spec.write_line, self._emit, self._on_child_end)
        if self._is_killed:
            self._child.kill()
        kind, content = self._call(self._child, hello, lambda *chunk: None)
        if kind == "failed":
            self._is_closed = True
            out_of_memory, text, lines = content
            raise (ChildOutOfMemory if out_of_memory else ChildFailed)(text, lines)

    def predict(self, jobs: Sequence[Job], deliver: Deliver, *, concurrent: bool) -> list[Outcome]:
        """The outcome of each job; raises WorkerExit if the process ends instead."""
        assert self._child is not None
        self._call_number += 1

        def deliver_chunk(number: int, index: int, packed: Sequence[Any]) -> None:
            if number == self._call_number:  # threads of a handler may go on with a batch that is answered
                deliver([(jobs[index], unpack_outcome(packed))])

        request = self._call_number, concurrent, [pack_job(job) for job in jobs]
        _, (packed_outcomes, times, (threads, decision)) = self._call(self._child, request, deliver_chunk)
        self.last_times = HandlerTimes(*times) if times else None
        if decision is not None and decision != self._tuning[1]:
            log_decision(self._spec.label, Decision(*decision))
        self._tuning = threads, decision and Decision(*decision)
        outcomes = [unpack_outcome(packed) for packed in packed_outcomes]
        for job, outcome in zip(jobs, outcomes, strict=True):
            job.continued = isinstance(outcome, StreamChunk)
        return outcomes

    def kill(self) -> bool:
        """True: the process ends, and all that it has started."""
        self._is_killed = True
        if self._child is not None:
            self._child.kill()
        return True

    def close(self) -> None:
        """Let the process end by itself, but not for long."""
        self._is_closed = True
        if self._child is not None:
            self._child.close()

    def _environ(self) -> dict[str, str]:
        """The environment of the process."""
        environment = self._spec.service.environment
        variables = {**os.environ, **environment.added}
        return {name: value for name, value in variables.items() if not environment.hides(name)}

    def _hello(self, device: Device) -> bytes:
        """The first message: all that the process needs to load."""
        service = self._spec.service
        assert isinstance(service, ServiceSpec)
        portable = replace(
            service, config=partial(deepcopy, service.config()), metric_sink=None, files=nullcontext(),
            environment=Environment(),
        )  # fmt: skip
        return pickle.dumps((portable, device, self._spec.cores))

    def _call(self, child: ChildProcess, request: Any, on_chunk: Callable[..., None]) -> tuple[str, Any]:
        """The kind and content of the answer to a request, after all that was printed and measured before it."""
        self._is_calling = True
        self._send(child, request)
        kind, content = self._receive(child, on_chunk, self._emit)
        child.write_printed()
        self._is_calling = False
        return kind, content

    def _send(self, child: ChildProcess, message: Any) -> None:
        with suppress(OSError):  # it has ended, as receiving will show
            child.channel.send(message)

    def _receive(
        self, child: ChildProcess, on_chunk: Callable[..., None], emit: Callable[[Sequence[Any]], None]
    ) -> tuple[str, Any]:
        """The kind and content of the next answer, after its chunks; raises WorkerExit where the process has ended."""
        kind = "chunk"
        while kind == "chunk":
            try:
                kind, metrics, content = child.channel.receive()
            except (EOFError, ConnectionError):
                raise WorkerExit(child.close()) from None
            emit(metrics)
            if kind == "chunk":
                on_chunk(*content)
        return kind, content

    def _emit(self, metrics: Sequence[Any]) -> None:
        service = self._spec.service
        sink = service.metric_sink if isinstance(service, ServiceSpec) else None
        if sink is not None:
            for metric in metrics:
                sink(*metric)

    def _on_child_end(self, status: int) -> None:
        if not self._is_calling and not self._is_closed:
            self._on_exit(status)
