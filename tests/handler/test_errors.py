"""The errors of handlers: their texts, and which of them are for lack of memory."""

import pytest

from handler.errors import ChildFailed, ChildOutOfMemory, LoadFailed, PredictionFailed, WorkerDied


@pytest.mark.parametrize(
    ("cause", "is_out_of_memory"),
    [
        (MemoryError(), True),
        (ChildOutOfMemory("MemoryError: ", ()), True),
        (RuntimeError("CUDA out of memory"), True),
        (ChildFailed("ValueError: x", ()), False),
        (RuntimeError("sizes differ"), False),
    ],
)
def test_a_failed_load_knows_its_cause(cause: Exception, is_out_of_memory: bool) -> None:
    failed = LoadFailed("W-9000-m_1.0", cause)
    assert failed.is_out_of_memory is is_out_of_memory
    assert failed.__cause__ is cause
    assert str(failed).startswith(f"W-9000-m_1.0: {type(cause).__name__}: ")


def test_clients_learn_nothing_of_the_handlers_own_error() -> None:
    assert str(PredictionFailed()) == "Prediction failed"
    assert (str(WorkerDied(137)), WorkerDied(137).status) == ("Worker died.", 137)
