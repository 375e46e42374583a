"""Requests as values: headers, lengths, escapes and ids."""

import re
from uuid import UUID

import pytest

from app.errors import BadEscape, PayloadTooLarge
from app.http.request import ENTROPY_BYTES, HandlerHeaders, HttpRequest, check_escapes, check_length, new_request_id


def test_a_header_is_found_by_its_name_in_any_case_and_decoded_from_latin_1() -> None:
    request = HttpRequest("GET", "/", b"", [(b"X-Name", b"caf\xe9"), (b"x-name", b"second")], target=b"/")
    assert (request.header(b"x-name"), request.header(b"missing")) == ("café", "")


def test_a_handler_sees_the_headers_of_a_request_and_those_added_however_often_it_looks() -> None:
    headers = HandlerHeaders([(b"X-A", b"1")], (("explain", "False"),))
    assert list(headers) == list(headers) == [("X-A", "1"), ("explain", "False")]


def test_a_length_within_the_limit_is_a_number() -> None:
    assert check_length(b"100", 100) == 100


@pytest.mark.parametrize("declared", [b"101", b"-1", b"", b"1e3"])
def test_a_length_beyond_the_limit_or_that_is_no_number_is_refused(declared: bytes) -> None:
    with pytest.raises(PayloadTooLarge):
        check_length(declared, 100)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/a%4", "unterminated escape sequence at index 2 of: /a%4"),
        ("/a%zz/b", "invalid hex byte 'zz' at index 3 of '/a%zz/b'"),
    ],
)
def test_an_escape_without_two_digits_is_refused(path: str, message: str) -> None:
    with pytest.raises(BadEscape, match=re.escape(message)):
        check_escapes(path)


def test_proper_escapes_pass() -> None:
    check_escapes("/a%20b%C3%A9?q=%25")


def test_request_ids_are_random_uuids_also_when_the_entropy_is_used_up() -> None:
    ids = [new_request_id() for _ in range(ENTROPY_BYTES // 16 + 10)]
    assert len(set(ids)) == len(ids)
    assert {UUID(each).version for each in ids} == {4}
    assert {UUID(each).variant for each in ids} == {"specified in RFC 4122"}
    assert all(str(UUID(each)) == each for each in ids)
