"""Parameters of requests: from queries with TorchServe's rules, and from JSON bodies."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from app.api.parameters import (
    MAX_WORKERS,
    choice,
    integer,
    optional,
    page_bounds,
    query,
    query_list,
    registration_parameters,
    workers,
)
from app.errors import BadEscape, BadJson, BadRequest
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


def request(query_string: str = "", body: Any = None, content_type: str = "application/json") -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body if isinstance(body, bytes) else json.dumps(body).encode()}

    headers = [] if body is None else [(b"content-type", content_type.encode())]
    scope = {"type": "http", "path": "/models", "query_string": query_string.encode(), "headers": headers}
    return Request(scope, receive)


def test_the_first_of_repeated_parameters_wins_and_all_are_in_the_list() -> None:
    asked = request("a=1&a=2;b=3&c=")
    assert query(asked) == {"a": "1", "b": "3", "c": ""}
    assert query_list(asked) == [("a", "1"), ("a", "2"), ("b", "3"), ("c", "")]


def test_an_escape_that_is_none_is_refused() -> None:
    with pytest.raises(BadEscape):
        query(request("a=%4"))


async def test_a_json_body_wins_over_the_query_and_does_not_wait_for_batches_by_default() -> None:
    asked = request("url=query", {"url": "body", "handler": None})
    assert await registration_parameters(asked) == {"max_batch_delay": -10000, "url": "body"}


async def test_another_body_leaves_the_query_in_force() -> None:
    assert await registration_parameters(request("url=query", {"url": "body"}, "text/plain")) == {"url": "query"}


@pytest.mark.parametrize("body", [b"", b" ", b"\r\n"])
async def test_an_empty_body_leaves_the_query_in_force_whatever_its_type(body: bytes) -> None:
    assert await registration_parameters(request("url=query", body)) == {"url": "query"}


@pytest.mark.parametrize(
    "body", [b"{url:'m.mar',batch_size:3}", b"{'url':m.mar;batch_size='3'} ", b'# x\n{"url":"m.mar",batch_size:3}']
)
async def test_a_json_body_is_read_leniently(body: bytes) -> None:
    parameters = await registration_parameters(request("", body))
    assert (parameters["url"], optional(parameters, "batch_size")) == ("m.mar", 3)


async def test_numbers_and_booleans_may_stand_for_strings() -> None:
    parameters = await registration_parameters(request("", {"url": "u", "model_name": 7, "handler": True}))
    assert (parameters["model_name"], parameters["handler"]) == ("7", "true")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "The body is not JSON: expected a name at line 1, column 2"),
        (b"null", "The body is not a JSON object."),
        ([1], "The body is not a JSON object."),
        ({"batch_size": "many"}, 'Expected an int but was "many" at path $.batch_size'),
        ({"url": ["a"]}, 'Expected a string but was ["a"] at path $.url'),
        ({"synchronous": 1}, "Expected a boolean but was 1 at path $.synchronous"),
    ],
)
async def test_a_body_that_torchserve_could_not_read_is_refused(body: Any, message: str) -> None:
    with pytest.raises(BadJson) as caught:
        await registration_parameters(request(body=body))
    assert message in str(caught.value)


@pytest.mark.parametrize(("value", "number"), [("7", 7), (7, 7), ("x", None), (None, None), ("9999999999", None)])
def test_a_number_that_is_none_counts_as_not_given(value: Any, number: int | None) -> None:
    assert optional({"n": value}, "n") == number
    assert integer({"n": value}, "n", 5) == (5 if number is None else number)


@pytest.mark.parametrize(
    ("parameters", "bounds"),
    [
        ({}, (0, 100)),
        ({"limit": "7", "next_page_token": "3"}, (3, 7)),
        ({"limit": "101", "next_page_token": "-1"}, (0, 100)),
    ],
)
def test_a_page_keeps_to_torchserves_bounds(parameters: dict[str, str], bounds: tuple[int, int]) -> None:
    assert page_bounds(parameters) == bounds


def test_a_choice_is_one_of_its_words() -> None:
    assert choice({}, "isolation", "thread", "process") is None
    assert choice({"isolation": "process"}, "isolation", "thread", "process") == "process"
    with pytest.raises(BadRequest, match=r"^isolation must be one of: thread, process\.$"):
        choice({"isolation": "none"}, "isolation", "thread", "process")


def test_more_workers_than_any_machine_has_room_for_are_refused() -> None:
    assert workers({"min_worker": MAX_WORKERS}, "min_worker") == MAX_WORKERS
    with pytest.raises(BadRequest, match=f"cannot exceed {MAX_WORKERS}"):
        workers({"min_worker": MAX_WORKERS + 1}, "min_worker")


@pytest.mark.anyio
@pytest.mark.parametrize(
    "body",
    [
        b'{"url":' + b"[" * 50_000, b"[" * 5_000_000, b'{"batch_size": ' + b"9" * 5000 + b"}",
        b'{"url": "' + b"u" * (2 << 20),
    ],
    ids=["deep", "deeper", "long number", "long"],
)  # fmt: skip
async def test_a_body_beyond_what_can_be_read_is_a_bad_request(store: Path, body: bytes) -> None:
    async with serving(store) as client:
        answer = await client.http.post("/models", content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["type"]) == (400, "BadRequestException")


def test_a_number_of_thousands_of_digits_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="limit has more than"):
        page_bounds({"limit": "9" * 5000})
