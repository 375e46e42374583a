"""A service of coroutines in a process of its own, which holds many batches at once."""

from collections.abc import Callable, Sequence
from threading import Lock, Thread
from typing import Any

from handler.job import Deliver, Job, Outcome
from handler.workers.process.child_process import ChildProcess
from handler.workers.process.process_service import ProcessService
from handler.workers.process.serialization import pack_job, unpack_outcome
from handler.workers.spec import WorkerSpec

Batch = tuple[Sequence[Job], Deliver]


class AsyncProcessService(ProcessService):
    """Loads a service in a child process, and passes on what comes back from there, on a thread of its own.

    `on_finish` gets the number of each batch with its outcomes, `on_exit` the exit status of a process that ends
    unasked. Chunks of streams do not wait for their readers.
    """

    def __init__(
        self, spec: WorkerSpec, on_finish: Callable[[int, Sequence[Outcome]], object],
        on_end: Callable[[BaseException], object], on_exit: Callable[[int], None],
    ) -> None:  # fmt: skip
        super().__init__(spec, on_exit)
        self._on_finish = on_finish
        self._on_end = on_end
        self._batches: dict[int, Batch] = {}
        self._sending = Lock()

    def load(self) -> None:
        """Start the process, and load there; raises ChildFailed, or WorkerExit if it ends instead."""
        super().load()
        assert self._child is not None
        Thread(target=self._receive_all, args=(self._child,), name=f"{self._spec.label} answers", daemon=True).start()

    def start(self, number: int, jobs: Sequence[Job], deliver: Deliver) -> None:
        """Serve a batch."""
        self._batches[number] = jobs, deliver
        self._post((number, [pack_job(job) for job in jobs]))

    def cancel(self, number: int) -> None:
        """Cancel a batch, if it runs."""
        if number in self._batches:
            self._post((number, None))

    def _post(self, message: Any) -> None:
        assert self._child is not None
        with self._sending:
            self._send(self._child, message)

    def _receive_all(self, child: ChildProcess) -> None:
        try:
            while True:
                self._pass_on(child, *child.channel.receive())
        except (EOFError, OSError):  # it has ended, as its listener will tell
            return
        except BaseException as error:
            self._on_end(error)

    def _pass_on(self, child: ChildProcess, kind: str, metrics: Sequence[Any], content: Any) -> None:
        self._emit(metrics)
        if kind == "chunk":
            number, index, packed = content
            jobs, deliver = self._batches.get(number, ((), None))
            if deliver is not None:
                deliver([(jobs[index], unpack_outcome(packed))])
        else:
            number, outcomes = content
            child.write_printed()
            self._batches.pop(number, None)
            self._on_finish(number, [unpack_outcome(packed) for packed in outcomes])
