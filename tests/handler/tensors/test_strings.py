"""BYTES tensors on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.tensors.strings import IncompleteLength, IncompleteString, decode_strings, encode_strings


@given(st.lists(st.binary(max_size=20)))
def test_strings_come_back_as_they_were(elements: list[bytes]) -> None:
    assert decode_strings(memoryview(encode_strings(elements))) == elements


def test_a_string_is_its_length_and_its_bytes() -> None:
    assert encode_strings(["ä", b""]) == b"\x02\0\0\0\xc3\xa4\0\0\0\0"


def test_a_length_of_fewer_than_four_bytes_is_refused() -> None:
    with pytest.raises(IncompleteLength) as caught:
        decode_strings(b"\x01\0\0\0a\x07\0")
    assert caught.value.available == 2


def test_a_string_shorter_than_its_length_is_refused() -> None:
    with pytest.raises(IncompleteString) as caught:
        decode_strings(b"\x09\0\0\0ab")
    assert (caught.value.length, caught.value.available) == (9, 2)
