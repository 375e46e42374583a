"""Splits a batch so that its parts pass through a handler's three stages like through a production line."""

import queue
import threading
import weakref

HANDLER_METHODS = ["preprocess", "inference", "postprocess"]


class MicroBatching:
    """Takes the place of a BaseHandler's `handle`: `self.handle = MicroBatching(self, micro_batch_size)` in `__init__`.

    Each stage has threads of its own (one, unless `parallelism`, {stage: number}, says otherwise), which start at once
    and end with `shutdown()`, or with the handler. An exception in a stage is raised to the caller once the whole batch
    is through.
    """

    def __init__(self, parent_handler, micro_batch_size=1, parallelism=None):
        self.handler = parent_handler
        self.micro_batch_size = micro_batch_size
        self.thread_local_data = threading.local()
        self._queues = [queue.SimpleQueue() for _ in (*HANDLER_METHODS, "done")]
        self._threads = {stage: [] for stage in HANDLER_METHODS}
        self.parallelism = parallelism or {}
        weakref.finalize(self, _release, self._threads, self._queues).atexit = False

    def __repr__(self):
        sizes = ", ".join(f"{len(threads)} x {stage}" for stage, threads in self._threads.items())
        return f"<MicroBatching by {self.micro_batch_size}: {sizes}>"

    def __call__(self, data, context):
        """The answers to a batch, in order; explanations and descriptions are made in one piece."""
        return self.handler.handle_with(self.handle, data, context)

    @property
    def parallelism(self):
        """The number of threads for each stage, as it was given."""
        return self._parallelism

    @parallelism.setter
    def parallelism(self, parallelism):
        assert set(parallelism) <= set(HANDLER_METHODS), f"stages are {HANDLER_METHODS}"
        self._parallelism = parallelism
        self._resize({stage: parallelism.get(stage, 1) for stage in HANDLER_METHODS})

    def shutdown(self):
        """End all threads."""
        self._resize(dict.fromkeys(HANDLER_METHODS, 0))

    def handle(self, data):
        """The answers to the rows, taken through the stages in micro-batches."""
        size = self.micro_batch_size
        parts = [data[start : start + size] for start in range(0, len(data), size)]
        for job in enumerate(parts):
            self._queues[0].put(job)
        done = dict(self._queues[-1].get() for _ in parts)
        failure = next((result for result in done.values() if isinstance(result, _Failure)), None)
        if failure:
            raise failure.error
        return [answer for index in sorted(done) for answer in done[index]]

    def get_micro_batch_idx(self):
        """The index of the micro-batch that this thread works on; None in a thread that is none of ours."""
        return getattr(self.thread_local_data, "micro_batch_idx", None)

    def _resize(self, sizes):
        for number, (stage, threads) in enumerate(self._threads.items()):
            inlet, outlet = self._queues[number : number + 2]
            if len(threads) != sizes[stage]:
                _dismiss(threads, inlet)
                # The threads know the handler only weakly: it can be collected while they wait for work.
                work = (weakref.ref(self.handler), stage, self.thread_local_data, inlet, outlet)
                threads[:] = [_hire(work) for _ in range(sizes[stage])]


class _Failure:
    """The error of a stage, passed on in place of its result."""

    def __init__(self, error):
        self.error = error


def _hire(work):
    thread = threading.Thread(target=_work, args=work, name=f"micro-batch-{work[1]}", daemon=True)
    thread.start()
    return thread


def _dismiss(threads, inlet):
    for _ in threads:
        inlet.put(None)
    for thread in threads:
        thread.join()


def _release(threads, queues):
    # This may run in one of the threads, so it asks them to end without waiting for them.
    for group, inlet in zip(threads.values(), queues, strict=False):
        for _ in group:
            inlet.put(None)


def _work(handler, stage, local, inlet, outlet):
    """Take micro-batches from one queue through a stage into the next, until None comes."""
    while (job := inlet.get()) is not None:
        local.micro_batch_idx, data = job
        outlet.put((local.micro_batch_idx, _attempt(handler(), stage, data)))


def _attempt(handler, stage, data):
    if isinstance(data, _Failure):
        return data
    try:
        return getattr(handler, stage)(data)
    except BaseException as error:
        return _Failure(error)
