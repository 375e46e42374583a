"""The batcher of a stateful model: a queue for each worker, since a sequence stays with one of them."""

from functools import partial
from sys import maxsize

from handler.batching.batcher import Batch, Batcher, Consumer
from handler.batching.sequences import Sequences
from handler.errors import BatcherClosed
from handler.job import Job


class SequenceBatcher(Batcher):
    """Dispatches the jobs that `sequences` admits to the queues of their workers, all under one lock.

    Each queue is a batcher of its own, which gathers what comes to its worker and knows nothing of sequences. Jobs
    without a sequence go to an idle worker, else to the shortest queue. Jobs that arrive before the first worker wait
    here.
    """

    def __init__(
        self, batch_size: int, max_delay: float, capacity: int, sequences: Sequences, *, adaptive: bool = True
    ) -> None:
        super().__init__(batch_size, max_delay, capacity)
        self._sequences = sequences
        self._queues: dict[Consumer, Batcher] = {}
        self._new_queue = partial(Batcher, batch_size, max_delay, maxsize, adaptive=adaptive, lock=self._lock)

    def __len__(self) -> int:
        return super().__len__() + sum(map(len, self._queues.values())) + self._sequences.queued

    def __repr__(self) -> str:
        return f"<SequenceBatcher {len(self)} queued for {len(self._queues)} workers, {self._sequences}>"

    @property
    def is_idle(self) -> bool:
        """Whether no job of a connected client is queued or running."""
        with self._lock:
            return super().is_idle and not self._sequences.queued and all(q.is_idle for q in self._queues.values())

    @property
    def expected_in_flight(self) -> int:
        """The usual number of jobs in flight at once."""
        return sum(queue.expected_in_flight for queue in [*self._queues.values()])

    @property
    def is_full(self) -> bool:
        """False: whether there is room depends on the sequence of the job."""
        return False

    def submit(self, job: Job) -> None:
        """Accept a job, to be answered exactly once; raises QueueFull or BatcherClosed and then owes nothing."""
        with self._lock:
            if not self._open:
                raise BatcherClosed
            if not job.sequence:
                self._enqueue(job)
            elif self._sequences.admit(job):
                self._dispatch(job, requeue=False)

    def take(self, worker: Consumer) -> Batch | None:
        """Wait for the next batch of a worker's queue; None once nothing can come any more, or if it is stopping."""
        with self._lock:
            if worker.stopping:
                self._remove_queue(worker)
                return None
            queue = self._queues.get(worker)
            if queue is None:
                queue = self._add_queue(worker)
        return queue.take(worker)

    def finish(self, batch: Batch) -> bool:
        """Claim the right to answer a batch: true for the first claim, false for any later one."""
        with self._lock:
            queue = self._queue_of(batch)
            if queue is None:
                return False
            self._complete(batch.jobs, batch.jobs)
            return queue.finish(batch)

    def continue_batch(self, batch: Batch, unfinished: list[Job], worker: Consumer) -> bool:
        """Keep a batch running with its unfinished jobs; the next job of each of their sequences may join them."""
        with self._lock:
            queue = self._queue_of(batch)
            if queue is None:
                return False
            self._complete(batch.jobs, [job for job in batch.jobs if job.cancelled or job not in unfinished])
            return queue.continue_batch(batch, unfinished, worker)

    def end(self, name: str) -> None:
        """The end of a sequence was declared: it makes room for another one, if that is needed."""
        with self._lock:
            self._sequences.end(name)

    def wake_workers(self) -> None:
        """Let idle workers look again whether they are to stop; the sequences of those that do go to others."""
        with self._lock:
            for worker, queue in list(self._queues.items()):
                queue.wake_workers()
                if worker.stopping:
                    self._remove_queue(worker)

    def close(self) -> None:
        """Accept no more jobs; workers serve what is queued, without gathering, and then stop."""
        with self._lock:
            self._open = False
            self._close_queues()

    def pop_all(self) -> list[Job]:
        """Remove and return the queued jobs; the caller has to answer them."""
        with self._lock:
            in_queues = [job for queue in self._queues.values() for job in queue.pop_all()]
            return super().pop_all() + in_queues + self._sequences.pop_all()

    def _queue_of(self, batch: Batch) -> Batcher | None:
        return next((queue for queue in self._queues.values() if queue.has(batch)), None)

    def _dispatch(self, job: Job, *, requeue: bool) -> None:
        """Queue a job of a sequence for a worker; where that fails nothing has happened."""
        self._sequences.dispatch(job)
        try:
            self._enqueue(job)
        except BaseException:
            self._sequences.recall(job, requeue=requeue)
            raise

    def _enqueue(self, job: Job) -> None:
        workers = [worker for worker in self._queues if not worker.stopping]
        if not workers:
            self._jobs.append(job)
        elif job.sequence:
            self._queues[self._sequences.assign_worker(job, workers)].submit(job)
        else:
            queues = (self._queues[worker] for worker in workers)
            min(queues, key=lambda queue: (not queue.is_idle, len(queue))).submit(job)

    def _enqueue_all(self, jobs: list[Job]) -> None:
        """Queue jobs for workers; those that cannot be wait for the next worker."""
        try:
            while jobs:
                self._enqueue(jobs[0])
                del jobs[0]
        except BaseException:
            for job in jobs:
                self._jobs.append(job)
            raise

    def _complete(self, seen: list[Job], answered: list[Job]) -> None:
        """Let the sequences of a batch go on; may be repeated where that fails."""
        for job in answered:
            self._sequences.complete(job)
        for job in seen:
            following = self._sequences.advance(job)
            if following is not None:
                self._dispatch(following, requeue=True)
        self._close_queues()

    def _add_queue(self, worker: Consumer) -> Batcher:
        self._queues[worker] = queue = self._new_queue()
        self._enqueue_all(super().pop_all())
        self._close_queues()
        return queue

    def _remove_queue(self, worker: Consumer) -> None:
        """Queue what is queued for other workers; the queue itself stays until the worker has finished its batch."""
        queue = self._queues.get(worker)
        if queue is None:
            return
        queued = queue.pop_all()
        if queue.is_idle:
            del self._queues[worker]
        self._enqueue_all(queued)

    def _close_queues(self) -> None:
        """Let the workers stop once no job can come any more; not before the last one has been taken, as a closed
        queue takes nothing more."""
        if not self._open and not len(self):
            for queue in self._queues.values():
                queue.close()
