"""Errors in gRPC: the codes and texts of TorchServe, from the one table of errors."""

from dataclasses import dataclass

import grpc

from app.errors import RequestError, describe_error
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
"""TorchServe's names of the exceptions by which it refuses a prediction."""


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
    """The gRPC form of an error; `predicting` if it kept a request from being predicted.

    TorchServe answers a refused prediction with INTERNAL, even one by a model that does not exist.
    """
    described = describe_error(error)
    name = described.grpc or CODES.get(described.status) or KINDS.get(described.status // 100, "UNKNOWN")
    reason = _reason(described.type)
    if predicting and isinstance(error, RegistryError | RequestError):
        name = described.grpc or "INTERNAL"
        reason = REFUSALS.get(described.type, reason)
    return Failure(described.status, grpc.StatusCode[name], str(described.message), reason)


def _reason(kind: str) -> str:
    return "" if kind == OUTSIDE_JAVA else f"org.pytorch.serve.{PACKAGES.get(kind, 'http.')}{kind}"
