import pytest

from app.open_inference.errors import raw_error, raw_json, raw_message
from handler.tensors.errors import Code, TensorError


@pytest.mark.parametrize(
    ("code", "status"),
    [(Code.NOT_FOUND, 404), (Code.INVALID_ARG, 400), (Code.INTERNAL, 500), (Code.UNAVAILABLE, 503),
     (Code.UNSUPPORTED, 501), (Code.CANCELLED, 400)],
)  # fmt: skip
def test_codes_become_statuses(code: Code, status: int) -> None:
    response = raw_error(TensorError("text", code))
    assert (response.status, response.body) == (status, b'{"error":"text"}')


def test_errors_of_models_are_called_plain_text() -> None:
    assert raw_error(TensorError("text", is_late=True)).headers == raw_message("text", 400, is_json=False).headers
    assert raw_error(TensorError("text")).headers == raw_json({}).headers
