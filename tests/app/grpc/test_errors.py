"""Errors in gRPC: the codes and texts of TorchServe."""

import pytest

from app.errors import BadRequest, InvalidKey, ModelApiDisabled
from app.grpc.errors import failure
from handler.errors import PredictionFailed, PredictionRefused
from model_registry.errors import ClientTimedOut, ModelNotFound, NoWorker, VersionNotFound

PACKAGE = "org.pytorch.serve"


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (ModelNotFound("m"), "NOT_FOUND", f"{PACKAGE}.archive.model.ModelNotFoundException"),
        (VersionNotFound("m", "2"), "NOT_FOUND", f"{PACKAGE}.archive.model.ModelVersionNotFoundException"),
        (BadRequest("why"), "INVALID_ARGUMENT", f"{PACKAGE}.http.BadRequestException"),
        (ModelApiDisabled(), "PERMISSION_DENIED", f"{PACKAGE}.archive.model.ModelException"),
        (InvalidKey("why"), "PERMISSION_DENIED", ""),
        (ZeroDivisionError("secret"), "INTERNAL", f"{PACKAGE}.http.InternalServerException"),
    ],
)
def test_a_management_call_fails_with_the_code_of_its_status(error: Exception, code: str, reason: str) -> None:
    found = failure(error, predicting=False)
    assert (found.code.name, found.reason) == (code, reason)
    assert "secret" not in found.details


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (ModelNotFound("m"), "INTERNAL", f"{PACKAGE}.archive.model.ModelNotFoundException"),
        (BadRequest("why"), "INTERNAL", "BadRequestException.()"),
        (NoWorker("m", "default"), "INTERNAL", "InternalServerException.()"),
        (ClientTimedOut(1), "DEADLINE_EXCEEDED", f"{PACKAGE}.http.RequestTimeoutException"),
        (PredictionFailed(), "UNAVAILABLE", f"{PACKAGE}.http.InternalServerException"),
        (PredictionRefused("why", 429), "RESOURCE_EXHAUSTED", f"{PACKAGE}.http.InternalServerException"),
        (PredictionRefused("why", 418), "FAILED_PRECONDITION", f"{PACKAGE}.http.InternalServerException"),
        (PredictionRefused("why", 599), "INTERNAL", f"{PACKAGE}.http.InternalServerException"),
        (PredictionRefused("why", 302), "UNKNOWN", f"{PACKAGE}.http.InternalServerException"),
    ],
)
def test_a_refused_prediction_is_internal_and_a_failed_one_has_the_code_of_its_status(
    error: Exception, code: str, reason: str
) -> None:
    found = failure(error, predicting=True)
    assert (found.code.name, found.reason) == (code, reason)


def test_the_name_of_the_exception_is_a_second_line_where_there_is_one() -> None:
    assert failure(BadRequest("why"), predicting=False).details == f"why\n{PACKAGE}.http.BadRequestException"
    assert failure(InvalidKey("why"), predicting=False).details == "why"
