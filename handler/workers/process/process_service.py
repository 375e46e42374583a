"""A service in a process of its own: what it crashes is its batch only, and where it hangs it can be killed."""

import os
import pickle
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

from handler.errors import ChildFailed, ChildOutOfMemory
from handler.isolation.process.environ import Environment
from handler.isolation.process.exit_trap import WorkerExit
from handler.job import Job, Outcome, StreamChunk
from handler.workers.process.child_process import ChildProcess
from handler.workers.process.serialization import pack_job, unpack_outcome
from handler.workers.service import Deliver, Seat, ServiceSpec


class ProcessService:
    """Loads and calls a service in a child process, for a worker's thread, which waits meanwhile.

    `on_exit` is told the exit status of a process that ends while nobody waits for it.
    """

    def __init__(self, seat: Seat, blueprint: ServiceSpec, on_exit: Callable[[int], None]) -> None:
        self._seat = seat
        self._blueprint = blueprint
        self._on_exit = on_exit
        self._child: ChildProcess | None = None
        self._turn = 0
        self._asked = self._killed = self._over = False

    def __repr__(self) -> str:
        return f"<ProcessService {self._seat.label} in {self._child}>"

    @property
    def pid(self) -> int:
        """The child's, once there is one."""
        return self._child.pid if self._child else os.getpid()

    def load(self) -> None:
        """Start the process, and load there; raises ChildFailed, or WorkerExit if it ends instead."""
        hello = pickle.dumps((_portable(self._blueprint), self._seat.device, self._seat.cores))
        environ = _environ(self._blueprint.environment)
        self._child = ChildProcess(self._blueprint.folder, environ, self._seat.say, self._count, self._note_end)
        if self._killed:
            self._child.kill()
        kind, content = self._ask(self._child, hello, lambda *piece: None)
        if kind == "failed":
            self._over = True
            out_of_memory, text, lines = content
            raise (ChildOutOfMemory if out_of_memory else ChildFailed)(text, lines)

    def predict(self, jobs: Sequence[Job], deliver: Deliver, *, concurrent: bool) -> list[Outcome]:
        """What each job has come to; raises WorkerExit if the process ends instead."""
        assert self._child is not None
        self._turn += 1

        def pass_on(turn: int, index: int, packed: Sequence[Any]) -> None:
            if turn == self._turn:  # threads of a handler may go on with a batch that is answered
                deliver([(jobs[index], unpack_outcome(packed))])

        question = self._turn, concurrent, [pack_job(job) for job in jobs]
        _, answers = self._ask(self._child, question, pass_on)
        outcomes = [unpack_outcome(packed) for packed in answers]
        for job, outcome in zip(jobs, outcomes, strict=True):
            job.continued = isinstance(outcome, StreamChunk)
        return outcomes

    def kill(self) -> bool:
        """True: the process ends, and all that it has started."""
        self._killed = True
        if self._child is not None:
            self._child.kill()
        return True

    def close(self) -> None:
        """Let the process end by itself, but not for long."""
        self._over = True
        if self._child is not None:
            self._child.close()

    def _ask(self, child: ChildProcess, question: Any, pass_on: Callable[..., None]) -> tuple[str, Any]:
        """The answer to a question, with what was printed and measured before it."""
        self._asked = True
        with suppress(OSError):  # it has ended, as the next line will tell
            child.channel.send(question)
        kind = "piece"
        while kind == "piece":
            kind, metrics, content = self._hear_answer(child)
            self._count(metrics)
            if kind == "piece":
                pass_on(*content)
        child.say_printed()
        self._asked = False
        return kind, content

    def _hear_answer(self, child: ChildProcess) -> Any:
        try:
            return child.channel.receive()
        except (EOFError, ConnectionError):
            raise WorkerExit(child.close()) from None

    def _count(self, metrics: Sequence[Any]) -> None:
        sink = self._blueprint.metric_sink
        for metric in metrics:
            if sink is not None:
                sink(*metric)

    def _note_end(self, status: int) -> None:
        if not self._asked and not self._over:
            self._on_exit(status)


def _portable(blueprint: ServiceSpec) -> ServiceSpec:
    """The same, made of values alone."""
    return replace(
        blueprint,
        manifest=partial(deepcopy, blueprint.manifest()),
        config=partial(deepcopy, blueprint.config()),
        metric_sink=None,
        files=nullcontext(),
        environment=Environment(),
    )


def _environ(environment: Environment) -> dict[str, str]:
    variables = {**os.environ, **environment.added}
    return {name: value for name, value in variables.items() if not environment.hides(name)}
