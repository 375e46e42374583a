"""Forms as TorchServe reads them: fields of an URL-encoded body, fields and files of a multipart one."""

import pytest

from app.errors import BadForm, BadRequest
from app.http.request_body import parse_body
from handler.job import Part

BOUNDARY = "multipart/form-data; boundary=frontier"


def multipart(*parts: tuple[str, str]) -> bytes:
    pieces = [f"--frontier\r\n{head}\r\n\r\n{value}\r\n" for head, value in parts]
    return ("".join(pieces) + "--frontier--\r\n").encode()


def test_form_fields_are_decoded_the_last_of_a_name_wins_and_a_bare_name_is_dropped() -> None:
    parts = parse_body(b"a=1&b=two+words&c=%C3%A9&a=2&d=&e", "application/x-www-form-urlencoded")
    assert {part.name: part.value for part in parts} == {"a": b"2", "b": b"two words", "c": "é".encode(), "d": b""}
    assert {part.content_type for part in parts} == {""}


def test_an_empty_form_has_no_parts() -> None:
    assert parse_body(b"", "application/x-www-form-urlencoded") == ()


def test_a_file_keeps_its_type_and_a_field_has_none() -> None:
    body = multipart(
        ('Content-Disposition: form-data; name="one"; filename="1.jpg"\r\nContent-Type: image/jpeg', "aaa"),
        ('Content-Disposition: form-data; name="two"; filename="2"\r\nContent-Type: text/plain; charset=utf-8', "bbb"),
        ('Content-Disposition: form-data; name="bare"; filename="3"', "ccc"),
        ('Content-Disposition: form-data; name="note"\r\nContent-Type: application/json', "{}"),
    )
    assert parse_body(body, BOUNDARY) == (
        Part("one", "image/jpeg", b"aaa"),
        Part("two", "text/plain", b"bbb"),
        Part("bare", "application/octet-stream", b"ccc"),
        Part("note", "", b"{}"),
    )


def test_of_parts_with_one_name_the_last_wins() -> None:
    head = 'Content-Disposition: form-data; name="data"; filename="f"'
    assert parse_body(multipart((head, "first"), (head, "second")), BOUNDARY) == (
        Part("data", "application/octet-stream", b"second"),
    )


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"a&b=1", {"a": b"", "b": b"1"}),
        (b"a=b=c&d=%2B+", {"a": b"b=c", "d": b"+ "}),
        (b"a=1\r\nb=2", {"a": b"1"}),
        (b"+a%20=1", {"a": b"1"}),
        (b"a", {}),
    ],
)
def test_forms_are_read_as_netty_reads_them(body: bytes, fields: dict[str, bytes]) -> None:
    parts = parse_body(body, "Application/X-WWW-form-urlencoded; charset=x")
    assert {part.name: part.value for part in parts} == fields


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"=1", "java.lang.IllegalArgumentException: empty name"),
        (b"&a=1", "java.lang.IllegalArgumentException: empty name"),
        (b"a=x%zz", "Invalid hex byte at index '1' in string: 'x%zz'"),
        (b"%4=1", "Bad string: '%4'"),
    ],
)
def test_a_form_that_breaks_the_rules_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(BadForm) as caught:
        parse_body(body, "application/x-www-form-urlencoded")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        ('content-disposition: FORM-DATA; NAME="é"', "é", ""),
        ("Content-Disposition: form-data;name=a b", "a b", ""),
        ('Content-Disposition: form-data; filename="f;g"; name="a;b=c"', "a b c", "application/octet-stream"),
        ("Content-Disposition: form-data; name=a; filename*=UTF-8''%E2%98%83", "a", "application/octet-stream"),
        ('Content-Type: text/css\r\nContent-Disposition: form-data; name="a"; filename=""', "a", "text/css"),
    ],
)
def test_the_headers_of_a_part_tell_its_name_and_type(head: str, name: str, kind: str) -> None:
    assert parse_body(multipart((head, "v")), BOUNDARY) == (Part(name, kind, b"v"),)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("Content-Disposition: form-data", "A part of the form has no name."),
        ('Content-Disposition: attachment; name="a"', "A part of the form has no name."),
        ('Content-Disposition: form-data; name=""', "java.lang.IllegalArgumentException: empty name"),
        ("Content-Disposition: form-data; name", "A part's Content-Disposition has a parameter without a value."),
        (
            'Content-Disposition: form-data; name="a"; filename="f"\r\nContent-Transfer-Encoding: base64',
            "TransferEncoding Unknown: base64",
        ),
    ],
)
def test_a_part_without_a_usable_name_is_refused(head: str, message: str) -> None:
    with pytest.raises(BadForm) as caught:
        parse_body(multipart((head, "v")), BOUNDARY)
    assert str(caught.value) == message


def test_lines_may_end_without_a_carriage_return() -> None:
    body = multipart(("Content-Disposition: form-data; name=a", "1")).replace(b"\r\n", b"\n")
    assert parse_body(body, BOUNDARY) == (Part("a", "", b"1"),)


def test_parts_before_a_break_are_kept() -> None:
    body = multipart(("Content-Disposition: form-data; name=a", ""), ("Content-Disposition: form-data; name=b", "2"))
    assert parse_body(body.removesuffix(b"--frontier--\r\n"), BOUNDARY) == (Part("a", "", b""),)


def test_a_boundary_without_a_value_is_refused() -> None:
    with pytest.raises(BadForm):
        parse_body(b"", "multipart/form-data; boundary=")


@pytest.mark.parametrize("body", [b"", b"not multipart", b"--frontier\r\n", b"--frontier--\r\n"])
def test_a_broken_multipart_body_has_no_parts(body: bytes) -> None:
    assert parse_body(body, BOUNDARY) == ()


def test_a_large_field_is_taken_whole() -> None:
    value = "x" * 3_000_000
    (part,) = parse_body(multipart(('Content-Disposition: form-data; name="data"', value)), BOUNDARY)
    assert len(part.value) == 3_000_000


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"&".join(b"%d=1" % number for number in range(4097)), "application/x-www-form-urlencoded"),
        (b"&" * 6_000_000, "application/x-www-form-urlencoded"),
        (
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nv\r\n' * 4097 + b"--b--\r\n",
            "multipart/form-data; boundary=b",
        ),
        (b"--b\r\n" + b"a: b\r\n" * 1_000_000 + b"\r\nv\r\n--b--\r\n", "multipart/form-data; boundary=b"),
    ],
    ids=["fields", "signs", "parts", "headers of a part"],
)
def test_a_form_of_more_pieces_than_anybody_needs_is_refused_before_it_is_read(body: bytes, content_type: str) -> None:
    with pytest.raises(BadRequest, match=r"^A form may have 4096 fields or parts, and a part 64 headers\.$"):
        parse_body(body, content_type)


def test_a_form_of_many_fields_is_read() -> None:
    body = b"&".join(b"%d=1" % number for number in range(4096))
    assert len(parse_body(body, "application/x-www-form-urlencoded")) == 4096
