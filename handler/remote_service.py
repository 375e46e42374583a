"""A service in a process of its own: what it crashes is its batch only, and where it hangs it can be killed."""

import os
import pickle
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any

from handler.child_process import GRACE, ChildProcess
from handler.environment import Environment
from handler.errors import ChildFailed, ChildOutOfMemory
from handler.exits import WorkerExit
from handler.job import Job, Outcome, Piece
from handler.plain import pack_job, unpack_outcome
from handler.service import Blueprint, Deliver, Seat


class RemoteService:
    """Loads and calls a service in a child process, for a worker's thread, which waits meanwhile.

    Another thread owns the process and listens to it. `on_exit` is told the exit status of one that ends while nobody
    waits for it.
    """

    def __init__(self, seat: Seat, blueprint: Blueprint, on_exit: Callable[[int], None]) -> None:
        self._seat = seat
        self._blueprint = blueprint
        self._on_exit = on_exit
        self._child: ChildProcess | None = None
        self._answers: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._turn = 0
        self._batch: tuple[Sequence[Job], Deliver] = (), lambda answers: None
        self._waiting = self._killed = self._over = False

    def __repr__(self) -> str:
        return f"<RemoteService {self._seat.label} in {self._child}>"

    @property
    def pid(self) -> int:
        """The child's, once there is one."""
        return self._child.pid if self._child else os.getpid()

    def load(self) -> None:
        """Start the process, and load there; raises ChildFailed, or WorkerExit if it ends instead."""
        hello = pickle.dumps((_portable(self._blueprint), self._seat.device, self._seat.threads))
        self._listener = Thread(target=self._run, args=[hello], name=f"{self._seat.label} listener", daemon=True)
        self._waiting = True
        self._listener.start()
        self._wait()

    def predict(self, jobs: Sequence[Job], deliver: Deliver, *, company: bool) -> list[Outcome]:
        """What each job has come to; raises WorkerExit if the process ends instead."""
        assert self._child is not None
        self._turn += 1
        self._batch = jobs, deliver
        self._waiting = True
        with suppress(OSError):  # it has ended, as the answer will tell
            self._child.channel.send((self._turn, company, [pack_job(job) for job in jobs]))
        outcomes = [unpack_outcome(packed) for packed in self._wait()]
        for job, outcome in zip(jobs, outcomes, strict=True):
            job.begun = isinstance(outcome, Piece)
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
        if self._child is None:
            return
        with suppress(OSError):
            self._child.channel.finish()
        self._listener.join(GRACE)
        self._child.kill()
        self._listener.join(GRACE)

    def _wait(self) -> Any:
        kind, content = self._answers.get()
        self._waiting = False
        if kind == "failed":
            out_of_memory, text, lines = content
            raise (ChildOutOfMemory if out_of_memory else ChildFailed)(text, lines)
        if kind == "ended":
            raise WorkerExit(content)
        return content

    def _run(self, hello: bytes) -> None:
        """Be with the process from its start to its end."""
        try:
            self._child = ChildProcess(self._blueprint.folder, _environ(self._blueprint.environment), self._seat.say)
        except Exception as error:
            self._answers.put(("failed", (isinstance(error, MemoryError), f"No process: {error}", [])))
            return
        if self._killed:
            self._child.kill()
        with suppress(OSError):
            self._child.channel.send(hello)
        status = self._child.listen(self._take)
        if not self._waiting and not self._over:
            self._on_exit(status)
        self._answers.put(("ended", status))

    def _take(self, message: Any) -> None:
        kind, metrics, content = message
        for metric in metrics:
            if self._blueprint.metric_sink is not None:
                self._blueprint.metric_sink(*metric)
        if kind == "piece":
            self._pass_on(*content)
        elif kind != "metrics":
            self._over = kind == "failed"
            self._answers.put((kind, content))

    def _pass_on(self, turn: int, index: int, packed: Sequence[Any]) -> None:
        jobs, deliver = self._batch
        if turn == self._turn:
            deliver([(jobs[index], unpack_outcome(packed))])


def _portable(blueprint: Blueprint) -> Blueprint:
    """The same, made of values alone."""
    return replace(
        blueprint,
        manifest=partial(deepcopy, blueprint.manifest()),
        config=partial(deepcopy, blueprint.config()),
        metric_sink=None,
        environment=Environment(),
    )


def _environ(environment: Environment) -> dict[str, str]:
    variables = {**os.environ, **environment.added}
    return {name: value for name, value in variables.items() if not environment.hides(name)}
