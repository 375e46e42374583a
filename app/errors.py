"""The table of errors: the status, the gRPC code and the TorchServe exception's name of a domain error on the wire."""

from http import HTTPStatus
from typing import NamedTuple

from handler import errors as handler
from handler.tensors.errors import Code, TensorError
from model_registry import errors as registry
from model_registry.archive.uploads import errors as uploads
from model_registry.state import errors as state


class CannotListen(OSError):
    """An address to listen on is taken, or does not belong to this machine."""


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


class ForeignOrigin(RequestError):
    """A web page of another origin sent a management request."""

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"A web page of another origin ({origin[:100]!a}) may not manage a server that asks for no token; "
            "name it in cors_allowed_origin, or switch tokens on."
        )


class ForeignHost(RequestError):
    """A management request names a host that is not known to be this server."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"The server asks for no token and is not known as {host[:100]!a}; name it in allowed_hosts, call it by "
            "its address, or switch tokens on."
        )


class LoadRefused(RequestError):
    """A load is asked for by a client that is neither on this machine nor known by a token."""

    def __init__(self) -> None:
        super().__init__("A load is made for clients on the server's own machine, or with the management token.")


class LoadInProgress(RequestError):
    """A load is asked for beside another one."""

    def __init__(self) -> None:
        super().__init__("A load is in progress; it ends within seconds.")


class ServerBusy(RequestError):
    """The server holds as many bytes of its clients as it may."""

    def __init__(self) -> None:
        super().__init__("The server is busy. Try again later.")


class ModelUnknown(RequestError):
    """No model has this name, in KServe's words."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Model with name {name} does not exist.")


class ModelNotReady(RequestError):
    """The model could not be loaded, in KServe's words."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Model with name {name} is not ready.")


class PayloadTooLarge(RequestError):
    """The body exceeds max_request_size; TorchServe answers this without a body, whatever the route."""


class ErrorResponse(NamedTuple):
    """An error as its client sees it: HTTP status, TorchServe's `type`, and the message (None: the error's own).

    `grpc` names its gRPC code where that does not follow from the status.
    """

    status: int
    type: str
    message: str | None = None
    grpc: str = ""


ERROR_RESPONSES: dict[type[Exception], ErrorResponse] = {
    ResourceNotFound: ErrorResponse(404, "ResourceNotFoundException"),
    MethodNotAllowed: ErrorResponse(405, "MethodNotAllowedException"),
    BadRequest: ErrorResponse(400, "BadRequestException"),
    BadJson: ErrorResponse(500, "JsonSyntaxException"),
    BadForm: ErrorResponse(500, "ErrorDataDecoderException"),
    BadEscape: ErrorResponse(403, "IllegalArgumentException"),
    InvalidKey: ErrorResponse(400, "InvalidKeyException", grpc="PERMISSION_DENIED"),
    ManagementLocked: ErrorResponse(401, "InvalidKeyException"),
    ForeignOrigin: ErrorResponse(403, "ForbiddenException"),
    ForeignHost: ErrorResponse(403, "ForbiddenException"),
    LoadRefused: ErrorResponse(403, "ForbiddenException"),
    LoadInProgress: ErrorResponse(409, "ConflictStatusException"),
    ServerBusy: ErrorResponse(503, "ServiceUnavailableException"),
    ModelApiDisabled: ErrorResponse(403, "ModelException"),
    ModelUnknown: ErrorResponse(404, "ModelNotFoundException"),
    ModelNotReady: ErrorResponse(503, "ServiceUnavailableException"),
    registry.NoWorker: ErrorResponse(503, "ServiceUnavailableException", grpc="INTERNAL"),
    registry.ControlledByRepository: ErrorResponse(409, "ConflictStatusException"),
    registry.TensorsWanted: ErrorResponse(400, "BadRequestException"),
    registry.ClientTimedOut: ErrorResponse(408, "RequestTimeoutException", grpc="DEADLINE_EXCEEDED"),
    registry.ModelNotFound: ErrorResponse(404, "ModelNotFoundException"),
    registry.WorkflowNotFound: ErrorResponse(404, "WorkflowNotFoundException"),
    registry.WorkflowArchiveNotFound: ErrorResponse(404, "WorkflowNotFoundException"),
    registry.WorkflowExists: ErrorResponse(409, "ConflictStatusException"),
    registry.InvalidWorkflow: ErrorResponse(500, "InvalidWorkflowException"),
    registry.InvalidDag: ErrorResponse(400, "InvalidDAGException"),
    registry.WorkflowFailed: ErrorResponse(500, "WorkflowException"),
    registry.NodeFailed: ErrorResponse(500, "InternalServerException"),
    registry.ArchiveNotFound: ErrorResponse(404, "ModelNotFoundException"),
    registry.EmptyUrl: ErrorResponse(404, "ModelNotFoundException"),
    registry.UrlRefused: ErrorResponse(404, "ModelNotFoundException"),
    registry.VersionNotFound: ErrorResponse(404, "ModelVersionNotFoundException"),
    registry.UnknownDefault: ErrorResponse(404, "ModelVersionNotFoundException"),
    registry.Conflict: ErrorResponse(409, "ConflictStatusException"),
    registry.InvalidModel: ErrorResponse(400, "InvalidModelException"),
    registry.InvalidRuntime: ErrorResponse(400, "BadRequestException"),
    registry.InvalidName: ErrorResponse(400, "BadRequestException"),
    registry.TooManyWorkers: ErrorResponse(400, "BadRequestException"),
    registry.TooManyRegistrations: ErrorResponse(503, "ServiceUnavailableException"),
    registry.InvalidTrafficRule: ErrorResponse(400, "BadRequestException"),
    registry.VersionNotLoaded: ErrorResponse(404, "ModelVersionNotFoundException"),
    state.StateUnavailable: ErrorResponse(503, "ServiceUnavailableException"),
    state.StateConflict: ErrorResponse(409, "ConflictStatusException"),
    state.StateTooLarge: ErrorResponse(507, "InsufficientStorageException"),
    state.InvalidDocument: ErrorResponse(503, "ServiceUnavailableException"),
    state.ReplicasBehind: ErrorResponse(504, "GatewayTimeoutException"),
    registry.VersionInTraffic: ErrorResponse(409, "ConflictStatusException"),
    registry.RolloutConflict: ErrorResponse(409, "ConflictStatusException"),
    registry.InvalidVersionRemoval: ErrorResponse(403, "InvalidModelVersionException"),
    registry.PackagesFailed: ErrorResponse(400, "ModelException"),
    registry.DownloadFailed: ErrorResponse(400, "DownloadArchiveException"),
    registry.ArchiveExists: ErrorResponse(500, "InternalServerException"),
    uploads.UploadRefused: ErrorResponse(400, "BadRequestException"),
    uploads.UploadConflict: ErrorResponse(409, "ConflictStatusException"),
    registry.SaveFailed: ErrorResponse(500, "InternalServerException"),
    registry.WorkersFailed: ErrorResponse(500, "InternalServerException"),
    registry.WorkersOutOfMemory: ErrorResponse(507, "InternalServerException"),
    registry.InsufficientMemory: ErrorResponse(507, "InternalServerException"),
    handler.WorkerDied: ErrorResponse(500, "InternalServerException"),
    handler.PredictionFailed: ErrorResponse(503, "InternalServerException"),
    handler.BadOutput: ErrorResponse(503, "InternalServerException"),
    handler.OutOfMemory: ErrorResponse(507, "InternalServerException"),
}
"""Looked up along an error's classes. Any other error is a 500 that hides its cause from the client."""

REASON_PHRASES = {
    208: "Success (208)", 226: "Success (226)", 413: "Request Entity Too Large", 414: "Request-URI Too Long",
    416: "Requested Range Not Satisfiable", 418: "Client Error (418)", 425: "Unordered Collection",
    451: "Client Error (451)", 508: "Server Error (508)",
}  # fmt: skip
"""TorchServe's phrases where they are not those of the standard library."""
UNEXPECTED_ERROR = ErrorResponse(
    500, "InternalServerException", "Internal server error; the server's log has the cause."
)
TENSOR_RESPONSES = {
    Code.INVALID_ARG: ErrorResponse(400, "BadRequestException"),
    Code.NOT_FOUND: ErrorResponse(404, "ResourceNotFoundException"),
    Code.UNAVAILABLE: ErrorResponse(503, "ServiceUnavailableException"),
    Code.UNSUPPORTED: ErrorResponse(501, "InternalServerException"),
}
"""Errors of tensors by Triton's codes, under TorchServe's URLs; the others are 500s."""
OUT_OF_MEMORY_EXIT_STATUS = 137


def is_expected(error: BaseException) -> bool:
    """Whether the error belongs to the domain; any other is a defect, whose details are for the log alone."""
    if isinstance(error, handler.PredictionRefused | TensorError):
        return True
    return any(kind in ERROR_RESPONSES for kind in type(error).__mro__)


def describe_error(error: BaseException) -> ErrorResponse:
    """The error as its client sees it."""
    if isinstance(error, handler.PredictionRefused):  # the handler chose the status; TorchServe writes 413 as 507
        status, grpc = (507, "RESOURCE_EXHAUSTED") if error.code == 413 else (error.code, "")
        return ErrorResponse(status, "InternalServerException", error.message, grpc)
    if isinstance(error, handler.WorkerDied) and error.status == OUT_OF_MEMORY_EXIT_STATUS:
        return ErrorResponse(507, "InternalServerException", str(error))
    if isinstance(error, TensorError):
        found = TENSOR_RESPONSES.get(error.code, ErrorResponse(500, "InternalServerException"))
        return found._replace(message=error.message)
    found = next((ERROR_RESPONSES[kind] for kind in type(error).__mro__ if kind in ERROR_RESPONSES), UNEXPECTED_ERROR)
    return found if found.message is not None else found._replace(message=str(error))


def reason(status: int) -> str:
    """The reason phrase of a status as TorchServe writes it, also for codes that it has no name for."""
    try:
        return REASON_PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        kinds = {1: "Informational", 2: "Success", 3: "Redirection", 4: "Client Error", 5: "Server Error"}
        return f"{kinds.get(status // 100, 'Unknown Status')} ({status})"
