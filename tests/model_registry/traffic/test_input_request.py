"""Requests as traffic rules look at them."""

import pytest

from handler.job import Input, Part
from model_registry.traffic.input_request import MAX_BODY_BYTES, InputRequest


def request(body: bytes = b"{}", **headers: str) -> InputRequest:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return InputRequest(Input((Part("body", "application/json", body),), named), "10.0.0.1")


def test_headers_are_found_whatever_their_case() -> None:
    assert request(X_User="u1").header("x-user") == "u1"
    assert request().header("x-user") is None


@pytest.mark.parametrize(
    ("cookie", "value"), [("a=1; session=s7", "s7"), ("session=", ""), ("a=1", None), ("\x01", None)]
)
def test_cookies(cookie: str, value: str | None) -> None:
    assert request(Cookie=cookie).cookie("session") == value


@pytest.mark.parametrize(
    ("body", "path", "value"),
    [
        (b'{"user": {"id": 7}}', "user.id", "7"),
        (b'{"users": [{"id": "a"}]}', "users.0.id", "a"),
        (b'{"users": []}', "users.0.id", None),
        (b'{"user": {"id": 7}}', "user", None),
        (b'{"user": null}', "user.id", None),
        (b"no json", "user", None),
        (b"[" * 50_000, "user", None),
        (b'{"user": "' + b"x" * MAX_BODY_BYTES + b'"}', "user", None),
    ],
)
def test_values_of_the_body(body: bytes, path: str, value: str | None) -> None:
    assert request(body).json_value(path) == value


def test_the_address_is_the_clients() -> None:
    assert request().address() == "10.0.0.1"
