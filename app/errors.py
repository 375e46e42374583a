"""The table of errors: the status, the gRPC code and the TorchServe exception's name of a domain error on the wire."""

from http import HTTPStatus
from typing import NamedTuple

from handler import errors as handler
from model_registry import errors as registry


class RequestError(Exception):
    """A request that no model is needed to refuse."""


class ResourceNotFound(RequestError):
    """No route has this path."""

    def __init__(self) -> None:
        super().__init__("Requested resource is not found, please refer to API document.")


class MethodNotAllowed(RequestError):
    """The path exists, but not for this method."""

    def __init__(self) -> None:
        super().__init__("Requested method is not allowed, please refer to API document.")


class BadRequest(RequestError):
    """A parameter is missing or cannot be used."""


class BadJson(RequestError):
    """A management request's JSON body is not JSON."""


class BadForm(RequestError):
    """A form's body breaks the rules of its format."""


class BadEscape(RequestError):
    """A percent sign in the path begins no escape."""


class InvalidKey(RequestError):
    """No token, or not the right one."""


class ManagementLocked(RequestError):
    """A management call without the token, on a port that strangers may reach."""

    def __init__(self) -> None:
        super().__init__(
            "Management needs the header `Authorization: Bearer TOKEN`. TOKEN is MARSERVE_MANAGEMENT_TOKEN "
            'in the server\'s environment; without that, the "management" key of the key file that the log names.'
        )


class ModelApiDisabled(RequestError):
    """A gRPC call to register or unregister a model, which the configuration does not allow."""

    def __init__(self) -> None:
        super().__init__("Model API disabled")


class PayloadTooLarge(RequestError):
    """The body exceeds max_request_size; TorchServe answers this without a body, whatever the route."""


class Wire(NamedTuple):
    """How an error looks to a client: HTTP status, TorchServe's `type`, and the message (None: the error's own).

    `grpc` names its gRPC code where that does not follow from the status.
    """

    status: int
    type: str
    message: str | None = None
    grpc: str = ""


TABLE: dict[type[Exception], Wire] = {
    ResourceNotFound: Wire(404, "ResourceNotFoundException"),
    MethodNotAllowed: Wire(405, "MethodNotAllowedException"),
    BadRequest: Wire(400, "BadRequestException"),
    BadJson: Wire(500, "JsonSyntaxException"),
    BadForm: Wire(500, "ErrorDataDecoderException"),
    BadEscape: Wire(403, "IllegalArgumentException"),
    InvalidKey: Wire(400, "InvalidKeyException", grpc="PERMISSION_DENIED"),
    ManagementLocked: Wire(401, "InvalidKeyException"),
    ModelApiDisabled: Wire(403, "ModelException"),
    registry.NoWorker: Wire(503, "ServiceUnavailableException", grpc="INTERNAL"),
    registry.ClientTimedOut: Wire(408, "RequestTimeoutException", grpc="DEADLINE_EXCEEDED"),
    registry.ModelNotFound: Wire(404, "ModelNotFoundException"),
    registry.WorkflowNotFound: Wire(404, "WorkflowNotFoundException"),
    registry.WorkflowArchiveNotFound: Wire(404, "WorkflowNotFoundException"),
    registry.WorkflowExists: Wire(409, "ConflictStatusException"),
    registry.InvalidWorkflow: Wire(500, "InvalidWorkflowException"),
    registry.InvalidDag: Wire(400, "InvalidDAGException"),
    registry.WorkflowFailed: Wire(500, "WorkflowException"),
    registry.NodeFailed: Wire(500, "InternalServerException"),
    registry.ArchiveNotFound: Wire(404, "ModelNotFoundException"),
    registry.EmptyUrl: Wire(404, "ModelNotFoundException"),
    registry.UrlRefused: Wire(404, "ModelNotFoundException"),
    registry.VersionNotFound: Wire(404, "ModelVersionNotFoundException"),
    registry.UnknownDefault: Wire(404, "ModelVersionNotFoundException"),
    registry.Conflict: Wire(409, "ConflictStatusException"),
    registry.InvalidModel: Wire(400, "InvalidModelException"),
    registry.InvalidRuntime: Wire(400, "BadRequestException"),
    registry.InvalidVersionRemoval: Wire(403, "InvalidModelVersionException"),
    registry.PackagesFailed: Wire(400, "ModelException"),
    registry.DownloadFailed: Wire(400, "DownloadArchiveException"),
    registry.ArchiveExists: Wire(500, "InternalServerException"),
    registry.SaveFailed: Wire(500, "InternalServerException"),
    registry.WorkersFailed: Wire(500, "InternalServerException"),
    registry.WorkersOutOfMemory: Wire(507, "InternalServerException"),
    registry.InsufficientMemory: Wire(507, "InternalServerException"),
    handler.WorkerDied: Wire(500, "InternalServerException"),
    handler.PredictionFailed: Wire(503, "InternalServerException"),
    handler.BadOutput: Wire(503, "InternalServerException"),
    handler.OutOfMemory: Wire(507, "InternalServerException"),
}
"""Looked up along an error's classes. What is not here is a 500 that tells the client nothing."""

PHRASES = {
    208: "Success (208)", 226: "Success (226)", 413: "Request Entity Too Large", 414: "Request-URI Too Long",
    416: "Requested Range Not Satisfiable", 418: "Client Error (418)", 425: "Unordered Collection",
    451: "Client Error (451)", 508: "Server Error (508)",
}  # fmt: skip
"""Where TorchServe's words are not those of the standard library."""
UNKNOWN = Wire(500, "InternalServerException", "Internal server error; the server's log has the cause.")
KILLED = 137
"""The exit status of a process that ran out of memory."""


def wire(error: Exception) -> Wire:
    """How `error` goes over the wire."""
    if isinstance(error, handler.PredictionRefused):  # the handler chose the status; TorchServe writes 413 as 507
        status, grpc = (507, "RESOURCE_EXHAUSTED") if error.code == 413 else (error.code, "")
        return Wire(status, "InternalServerException", error.message, grpc)
    if isinstance(error, handler.WorkerDied) and error.status == KILLED:
        return Wire(507, "InternalServerException", str(error))
    found = next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), UNKNOWN)
    return found if found.message is not None else found._replace(message=str(error))


def reason(status: int) -> str:
    """The reason phrase of a status as TorchServe writes it, also for codes that it has no name for."""
    try:
        return PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        kinds = {1: "Informational", 2: "Success", 3: "Redirection", 4: "Client Error", 5: "Server Error"}
        return f"{kinds.get(status // 100, 'Unknown Status')} ({status})"
