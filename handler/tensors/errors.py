"""Errors of requests of tensors, and of models that serve them, in Triton's codes and words."""

from enum import Enum

from handler.errors import HandlerError


class Code(Enum):
    """Triton's error codes; the values are the words that it puts before a message in the reason of a failed load."""

    UNKNOWN = "Unknown"
    INTERNAL = "Internal"
    NOT_FOUND = "Not found"
    INVALID_ARG = "Invalid argument"
    UNAVAILABLE = "Unavailable"
    UNSUPPORTED = "Unsupported"
    ALREADY_EXISTS = "Already exists"
    CANCELLED = "Cancelled"


class TensorError(HandlerError):
    """A message for the client, and its code.

    `is_late` marks an error that a model gave, not one that was found before: Triton answers the two with different
    content types.
    """

    def __init__(self, message: str, code: Code = Code.INVALID_ARG, *, is_late: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.is_late = is_late

    @property
    def reason(self) -> str:
        """The message as the reason of a failed load has it."""
        return f"{self.code.value}: {self.message}"


def invalid(message: str, request_id: str = "") -> TensorError:
    """An INVALID_ARG error with the id of its request in front, as Triton marks what it finds wrong with a request."""
    return TensorError(f"[request id: {request_id or '<id_unknown>'}] {message}")
