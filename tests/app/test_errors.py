"""The one table from domain errors to the wire."""

import pytest

from app import errors
from app.http.responses import raw_error
from handler import errors as handler
from handler.tensors.errors import Code, TensorError
from model_registry import errors as registry

ABSTRACT = {handler.HandlerError, registry.RegistryError, errors.RequestError}
INSIDE = {
    handler.QueueFull,  # becomes NoWorker
    handler.BatcherClosed,  # becomes NoWorker
    handler.LoadFailed,  # becomes WorkersFailed
    handler.PredictionRefused,  # brings its own status
    TensorError,  # brings Triton's code
    errors.PayloadTooLarge,  # has no body
}


def everything_below(root: type[Exception]) -> set[type[Exception]]:
    return {root}.union(*(everything_below(child) for child in root.__subclasses__()))


@pytest.mark.parametrize("root", sorted(ABSTRACT, key=lambda kind: kind.__name__))
def test_every_domain_error_has_its_line_in_the_table(root: type[Exception]) -> None:
    found = {
        kind for kind in everything_below(root) if not any(parent in errors.ERROR_RESPONSES for parent in kind.__mro__)
    }
    assert found - ABSTRACT - INSIDE == set()


def test_an_error_that_the_table_does_not_know_tells_the_client_nothing() -> None:
    response = raw_error(errors.describe_error(ZeroDivisionError("the secret path /etc/shadow")))
    assert response.status == 500
    assert b"InternalServerException" in response.body
    assert b"secret" not in response.body


def test_errors_are_written_as_clients_of_torchserve_know_them() -> None:
    response = raw_error(errors.describe_error(registry.ModelNotFound("m")))
    expected = b'{\n  "code": 404,\n  "type": "ModelNotFoundException",\n  "message": "Model not found: m"\n}\n'
    assert (response.status, response.body, response.reason) == (404, expected, b"Not Found")


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [(403, 403, "Forbidden"), (413, 507, "Insufficient Storage"), (513, 513, "Server Error (513)")],
)
def test_a_prediction_exception_brings_its_own_code(code: int, status: int, reason: str) -> None:
    response = raw_error(errors.describe_error(handler.PredictionRefused("why", code)))
    assert (response.status, response.reason.decode()) == (status, reason)
    assert f'"code": {status},\n  "type": "InternalServerException",\n  "message": "why"'.encode() in response.body


def test_a_prediction_exception_with_code_200_answers_the_word_error() -> None:
    response = raw_error(errors.describe_error(handler.PredictionRefused("fine", 200)))
    assert (response.status, response.body, response.headers) == (200, b"error", ())


def test_a_worker_that_ran_out_of_memory_is_recognized_by_its_exit_status() -> None:
    assert errors.describe_error(handler.WorkerDied(137)).status == 507
    assert errors.describe_error(handler.WorkerDied(1)).status == 500


@pytest.mark.parametrize(
    ("cause", "wants"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA out of memory"), True),
        (AssertionError("Torch not compiled with CUDA enabled"), False),
        (RuntimeError("sizes differ"), False),
    ],
)
def test_a_load_fails_for_want_of_memory_as_torchserve_tells_it(cause: Exception, wants: bool) -> None:
    assert handler.LoadFailed("W-9000-m_1.0", cause).is_out_of_memory == wants


@pytest.mark.parametrize(("code", "status"), [(Code.INVALID_ARG, 400), (Code.NOT_FOUND, 404), (Code.INTERNAL, 500)])
def test_an_error_of_tensors_has_the_status_of_its_code(code: Code, status: int) -> None:
    assert errors.describe_error(TensorError("why", code))[::2] == (status, "why")
    assert errors.is_expected(TensorError("why", code))
