"""Requests to models that keep state: which are admitted, and the controls that they get."""

import numpy as np
import pytest

from handler.tensors.datatypes import BYTES
from handler.tensors.errors import TensorError
from handler.tensors.requests import SequencePosition, TensorRequest
from model_registry.tensors.sequence_checks import Control, SequenceChecks
from tests.support.tensor_models import INT32

CONTROLS = [
    Control("START", "START", INT32, (0, 1)), Control("END", "END", INT32, (0, 1)),
    Control("READY", "READY", INT32, (0, 1)), Control("ID", "CORRID", INT32), Control("NAME", "CORRID", BYTES),
]  # fmt: skip


def admit(checks: SequenceChecks, *position: object, rows: int = 1) -> list[object]:
    """The values of the controls."""
    request = TensorRequest([], rows=rows, sequence=SequencePosition(*position))  # type: ignore[arg-type]
    return [np.ravel(tensor.array)[0] for tensor in checks.admit(request).inputs]


def test_a_sequence_gets_its_controls_from_start_to_end() -> None:
    checks = SequenceChecks("m", 60, CONTROLS, has_batch=True)
    assert admit(checks, 7, True) == [1, 0, 1, 7, b"7"]
    assert admit(checks, 7) == [0, 0, 1, 7, b"7"]
    assert repr(checks) == "<SequenceChecks of m, 1 sequences>"
    assert admit(checks, 7, False, True) == [0, 1, 1, 7, b"7"]
    assert repr(checks) == "<SequenceChecks of m, 0 sequences>"


@pytest.mark.parametrize(
    ("position", "rows", "reason"),
    [((0, True), 1, "non-zero or non-empty correlation ID"), ((7, True), 2, "batch-size 1"), ((7,), 1, "START flag")],
)
def test_a_request_of_no_sequence_is_refused(position: tuple[object, ...], rows: int, reason: str) -> None:
    with pytest.raises(TensorError, match=reason):
        admit(SequenceChecks("m", 60, CONTROLS, has_batch=False), *position, rows=rows)


def test_a_sequence_that_was_idle_for_too_long_is_over() -> None:
    checks = SequenceChecks("m", -1, [], has_batch=False)
    admit(checks, "a", True)
    with pytest.raises(TensorError, match="START flag"):
        admit(checks, "a")
