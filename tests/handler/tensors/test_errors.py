"""Errors about tensors."""

from handler.tensors.errors import Code, TensorError, invalid


def test_what_is_wrong_with_a_request_names_it() -> None:
    assert invalid("no", "7").message == "[request id: 7] no"
    assert invalid("no").message == "[request id: <id_unknown>] no"
    assert invalid("no").code is Code.INVALID_ARG


def test_a_reason_begins_with_the_code_in_words() -> None:
    assert TensorError("no disk", Code.NOT_FOUND).reason == "Not found: no disk"
