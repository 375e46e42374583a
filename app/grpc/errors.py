"""How an error goes over gRPC: the codes and texts of TorchServe, from the one table of errors."""

from dataclasses import dataclass

import grpc

from app.errors import RequestError, wire
from model_registry.errors import RegistryError

CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "RESOURCE_EXHAUSTED",
    416: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
KINDS = {4: "FAILED_PRECONDITION", 5: "INTERNAL"}
PACKAGES = {
    "DownloadArchiveException": "archive.",
    "InvalidModelException": "archive.model.",
    "ModelException": "archive.model.",
    "ModelNotFoundException": "archive.model.",
    "ModelVersionNotFoundException": "archive.model.",
}
"""Where TorchServe keeps its exceptions that are not in `http.`: clients see their full names."""
OUTSIDE_JAVA = "InvalidKeyException"
REFUSALS = {
    "BadRequestException": "BadRequestException.()",
    "ServiceUnavailableException": "InternalServerException.()",
}
"""How TorchServe names the exceptions by which it refuses a prediction."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error on the wire; `status` is the one that HTTP has for it, `reason` the name of TorchServe's exception."""

    status: int
    code: grpc.StatusCode
    message: str
    reason: str

    @property
    def details(self) -> str:
        """The status message: TorchServe puts the exception's name in a second line."""
        return f"{self.message}\n{self.reason}" if self.reason else self.message


def failure(error: Exception, *, predicting: bool) -> Failure:
    """How `error` goes over the wire; `predicting` if it kept a request from being predicted.

    What TorchServe refuses to predict is INTERNAL, even a model that does not exist.
    """
    told = wire(error)
    name = told.grpc or CODES.get(told.status) or KINDS.get(told.status // 100, "UNKNOWN")
    reason = _reason(told.type)
    if predicting and isinstance(error, RegistryError | RequestError):
        name = told.grpc or "INTERNAL"
        reason = REFUSALS.get(told.type, reason)
    return Failure(told.status, grpc.StatusCode[name], str(told.message), reason)


def _reason(kind: str) -> str:
    return "" if kind == OUTSIDE_JAVA else f"org.pytorch.serve.{PACKAGES.get(kind, 'http.')}{kind}"
