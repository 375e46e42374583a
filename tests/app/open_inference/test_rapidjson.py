"""Words and offsets for what is no JSON."""

import pytest

from app.open_inference.rapidjson import describe_error


@pytest.mark.parametrize(("body", "words"), [
    (b"", "The document is empty. at 0"),
    (b"{", "Missing a name for object member. at 1"),
    (b'{"inputs": [', "Invalid value. at 12"),
    (b'{"a" 1}', "Missing a colon after a name of object member. at 5"),
    (b'{"a": 1 "b": 2}', "Missing a comma or '}' after an object member. at 8"),
    (b"[1 2]", "Missing a comma or ']' after an array element. at 3"),
    (b'{"a": "b', "Missing a closing quotation mark in string. at 8"),
    (b'["a\nb"]', "Invalid escape character in string. at 3"),
    (b'["\\x"]', "Invalid escape character in string. at 2"),
    (b'["\\u12g4"]', "Incorrect hex digit after \\u escape in string. at 2"),
    (b"[1.]", "Miss fraction part in number. at 3"),
    (b"[1e+]", "Miss exponent in number. at 4"),
    (b"nul", "Invalid value. at 3"),
    (b"[0, -1e999]", "Number too big to be stored in double. at 4"),
    (b"{} {}", "The document root must not be followed by other values. at 3"),
    (b"[" * 2000, "Terminate parsing due to Handler error. at 101"),
])  # fmt: skip
def test_the_place_of_an_error_is_found(body: bytes, words: str) -> None:
    assert describe_error(body) == words


def test_what_another_parser_refuses_is_said_in_general() -> None:
    assert describe_error(b'[{}, [], true, -1.5e3, "\\u00e4", null, NaN]') == "Invalid encoding in string. at 0"
