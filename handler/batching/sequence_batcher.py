"""The batcher of a model that keeps state: a line for each worker, since a sequence stays with one of them."""

from functools import partial
from sys import maxsize

from handler.batching.batcher import Batch, Batcher, Taker
from handler.batching.sequences import Sequences
from handler.errors import BatcherClosed
from handler.job import Job


class SequenceBatcher(Batcher):
    """Puts the jobs that `sequences` hands out into the lines of their workers, all under one lock.

    Each line is a batcher of its own: it gathers what comes to its worker, and knows nothing of sequences. Jobs without
    a sequence go to a worker that is idle, else to the shortest line. What comes before the first worker waits here.
    """

    def __init__(self, batch_size: int, max_delay: float, capacity: int, sequences: Sequences) -> None:
        super().__init__(batch_size, max_delay, capacity)
        self._sequences = sequences
        self._lines: dict[Taker, Batcher] = {}
        self._new_line = partial(Batcher, batch_size, max_delay, maxsize, lock=self._lock)

    def __len__(self) -> int:
        return super().__len__() + sum(map(len, self._lines.values())) + self._sequences.held

    def __repr__(self) -> str:
        return f"<SequenceBatcher {len(self)} waiting in {len(self._lines)} lines, {self._sequences}>"

    @property
    def idle(self) -> bool:
        """Whether no job that somebody waits for is queued or being worked on."""
        with self._lock:
            return super().idle and not self._sequences.held and all(line.idle for line in self._lines.values())

    @property
    def usual(self) -> int:
        """How many jobs are in flight at once, as a rule."""
        return sum(line.usual for line in [*self._lines.values()])

    @property
    def full(self) -> bool:
        """False: whether there is room depends on the sequence of the job."""
        return False

    def submit(self, job: Job) -> None:
        """Accept a job, to be answered exactly once; raises QueueFull or BatcherClosed and then owes nothing."""
        with self._lock:
            if not self._open:
                raise BatcherClosed
            if not job.sequence or self._sequences.admit(job):
                self._hand_out(job)

    def take(self, worker: Taker) -> Batch | None:
        """Wait for the next batch of a worker's line; None once nothing can come any more, or if it is to leave."""
        with self._lock:
            if worker.leaving:
                self._leave_line(worker)
                return None
            line = self._lines.get(worker)
            if line is None:
                line = self._open_line(worker)
        return line.take(worker)

    def finish(self, batch: Batch) -> bool:
        """Claim the right to answer a batch: true for the first claim, false for any later one."""
        with self._lock:
            claimed = any(line.finish(batch) for line in self._lines.values())
            if claimed:
                self._settle(batch.jobs, batch.jobs)
            return claimed

    def renew(self, batch: Batch, going: list[Job], worker: Taker) -> bool:
        """Let a batch go on with these of its jobs; the next job of each of their sequences may join them."""
        with self._lock:
            before = batch.jobs
            claimed = any(line.renew(batch, going, worker) for line in self._lines.values())
            if claimed:
                self._settle(before, [job for job in before if job not in batch.jobs])
            return claimed

    def end(self, name: str) -> None:
        """A sequence has been declared to be at its end: it makes room for another one, if that is needed."""
        with self._lock:
            self._sequences.end(name)

    def wake(self) -> None:
        """Let idle workers look again whether they are to leave; the sequences of those that do go to others."""
        with self._lock:
            for worker, line in list(self._lines.items()):
                line.wake()
                if worker.leaving:
                    self._leave_line(worker)

    def close(self) -> None:
        """Accept no more jobs; workers serve what waits, without gathering, and then leave."""
        with self._lock:
            self._open = False
            self._close_lines()

    def clear(self) -> list[Job]:
        """Hand back the jobs that still wait; whoever asked for them has to answer them."""
        with self._lock:
            in_lines = [job for line in self._lines.values() for job in line.clear()]
            return super().clear() + in_lines + self._sequences.clear()

    def _hand_out(self, job: Job) -> None:
        workers = [worker for worker in self._lines if not worker.leaving]
        if not workers:
            self._jobs.append(job)
        elif job.sequence:
            self._lines[self._sequences.worker_of(job, workers)].submit(job)
        else:
            min((self._lines[worker] for worker in workers), key=lambda line: (not line.idle, len(line))).submit(job)

    def _settle(self, seen: list[Job], answered: list[Job]) -> None:
        for job in answered:
            self._sequences.answered(job)
        for following in filter(None, map(self._sequences.seen, seen)):
            self._hand_out(following)
        self._close_lines()

    def _open_line(self, worker: Taker) -> Batcher:
        self._lines[worker] = line = self._new_line()
        for job in super().clear():
            self._hand_out(job)
        self._close_lines()
        return line

    def _leave_line(self, worker: Taker) -> None:
        """Give what waits to other workers; the line itself stays until the worker has finished what it took."""
        line = self._lines.get(worker)
        waiting = line.clear() if line is not None else []
        if line is not None and line.idle:
            del self._lines[worker]
        for job in waiting:
            self._hand_out(job)

    def _close_lines(self) -> None:
        """Once there are to be no more jobs, let the workers leave; not before the last one has been taken, as a line
        that is closed takes nothing more."""
        if not self._open and not len(self):
            for line in self._lines.values():
                line.close()
