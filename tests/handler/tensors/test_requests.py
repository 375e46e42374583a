"""Requests and responses of tensors."""

from handler.tensors.requests import FINAL, NO_SEQUENCE, TensorRequest, TensorResponse


def test_a_plain_request_belongs_to_no_sequence() -> None:
    request = TensorRequest(())
    assert request.sequence == NO_SEQUENCE
    assert not request.sequence.start
    assert request.rows == 1


def test_the_end_of_responses_is_none_itself() -> None:
    assert FINAL.is_empty
    assert not TensorResponse().is_empty
