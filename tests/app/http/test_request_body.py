"""Bodies of every content type, as parts with TorchServe's names and types."""

import pytest

from app.http.request_body import parse_body
from handler.job import Part


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "image/png", "", "Application/JSON"])
def test_a_body_that_is_no_form_is_one_part_with_its_mime_type(kind: str) -> None:
    assert parse_body(b"x", kind) == (Part("body", kind, b"x"),)


def test_parameters_of_the_content_type_do_not_count() -> None:
    assert parse_body(b"{}", "application/json; charset=utf-8") == (Part("body", "application/json", b"{}"),)


def test_multipart_without_a_boundary_is_plain_bytes() -> None:
    assert parse_body(b"x", "multipart/form-data") == (Part("body", "multipart/form-data", b"x"),)


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "APPLICATION/x-www-form-urlencoded; charset=utf-8"]
)
def test_a_form_has_a_part_for_each_field(kind: str) -> None:
    assert parse_body(b"a=1&b=2", kind) == (Part("a", "", b"1"), Part("b", "", b"2"))


def test_a_multipart_body_has_its_own_parts() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nv\r\n--b--\r\n'
    assert parse_body(bytearray(body), "multipart/form-data; boundary=b") == (Part("a", "", b"v"),)
