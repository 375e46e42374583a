"""Exceptions in Triton's words."""

from handler.tensors.backends.python_errors import text_of


def _inner() -> None:
    raise ValueError("no")


def test_the_innermost_frame_comes_first() -> None:
    try:
        _inner()
    except ValueError as error:
        lines = text_of(error).splitlines()
    assert lines[:3] == ["ValueError: no", "", "At:"]
    assert lines[3].endswith("): _inner")
    assert lines[4].endswith("): test_the_innermost_frame_comes_first")


def test_an_exception_that_was_not_raised_has_no_frames() -> None:
    assert text_of(SyntaxError("expected ':'")) == "SyntaxError: expected ':'"
