"""The errors between a request and its answer, in domain words: HTTP statuses are assigned in `app`."""

from collections.abc import Sequence


class HandlerError(Exception):
    """The base of all errors that this package raises, and that are outcomes of jobs."""


class QueueFull(HandlerError):
    """The queue holds `job_queue_size` jobs already, or (with job tickets) no worker is idle."""


class BatcherClosed(HandlerError):
    """The model version is being unloaded and takes no more jobs."""


class WorkerDied(HandlerError):
    """The worker ended, hung or was abandoned while it held the job; `status` is its exit status."""

    def __init__(self, status: int = 1) -> None:
        super().__init__("Worker died.")
        self.status = status


class PredictionFailed(HandlerError):
    """The handler raised; the text reveals nothing of it to the client."""

    def __init__(self) -> None:
        super().__init__("Prediction failed")


class PredictionRefused(HandlerError):
    """The handler raised `PredictionException`: its own code and message, for every row of the batch."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.message, self.code = message, code


class OutOfMemory(HandlerError):
    """The handler ran out of memory, on the host or on a CUDA device."""

    def __init__(self) -> None:
        super().__init__("Out of resources")


class BadOutput(HandlerError):
    """The handler did not return one encodable result for each row; `cause` is for its author."""

    def __init__(self, message: str, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause


def is_out_of_memory(cause: BaseException) -> bool:
    """Whether a load failed for lack of memory, by TorchServe's criteria: torch's own errors are RuntimeErrors."""
    return isinstance(cause, MemoryError) or (isinstance(cause, RuntimeError) and "CUDA" in str(cause))


class ChildFailed(Exception):
    """A handler could not be loaded in a process of its own; `lines` is its traceback there."""

    def __init__(self, text: str, lines: Sequence[str]) -> None:
        super().__init__(text)
        self.lines = lines


class ChildOutOfMemory(ChildFailed, MemoryError):
    """The same, for lack of memory."""


class LoadFailed(HandlerError):
    """A worker could not load its archive's handler; the cause is the handler's own exception."""

    def __init__(self, label: str, cause: BaseException) -> None:
        super().__init__(f"{label}: {type(cause).__name__}: {cause}")
        self.is_out_of_memory = is_out_of_memory(cause)
        self.__cause__ = cause


class ClientsDisconnected(ConnectionError):
    """Raised in a handler that sends a chunk of a stream when all clients of its batch have disconnected."""
