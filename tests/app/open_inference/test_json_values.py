"""JSON bodies and their members."""

import math

import pytest

from app.open_inference.json_values import (
    array_member,
    dump_json,
    object_or_empty,
    parse_json,
    string_member,
    unsigned,
)  # fmt: skip
from handler.tensors.errors import Code, TensorError


def test_json_is_read_with_the_words_that_are_no_numbers() -> None:
    values = parse_json(memoryview(b'{"a": [NaN, Infinity, 1]}'))["a"]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, 1]
    assert dump_json({"a": 1}) == b'{"a":1}'


def test_what_is_no_json_is_an_error_of_the_server() -> None:
    with pytest.raises(TensorError, match=r"failed to parse the request JSON buffer: Invalid value\. at 0") as caught:
        parse_json(bytearray(b"x"))
    assert caught.value.code is Code.INTERNAL


@pytest.mark.parametrize(("values", "words"), [
    ({}, "attempt to access non-existing object member 'x'"),
    ([], "attempt to access non-existing object member 'x'"),
    ({"x": 1}, "Unable to parse 'x': attempt to access JSON non-string as string"),
])  # fmt: skip
def test_members_have_a_kind(values: object, words: str) -> None:
    with pytest.raises(TensorError, match=words):
        string_member(values, "x")


def test_other_kinds() -> None:
    with pytest.raises(TensorError, match="non-array as array"):
        array_member({"x": {}}, "x")
    for value in (-1, 1.0, True, 2**64, "1"):
        with pytest.raises(TensorError, match="non-unsigned-integer as unsigned-integer"):
            unsigned(value, "x")
    assert unsigned(2**64 - 1, "x") == 2**64 - 1
    assert object_or_empty({"x": 1}, "x") == {}
