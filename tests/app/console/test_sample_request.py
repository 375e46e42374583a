"""The first warm-up request of a model, for the page."""

from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.console_model import HANDLER
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("warmup", "status", "type_", "body"),
    [
        ("[{text: hello}, {text: more}]", 200, "text/plain", b"hello"),
        ('[{json: {"a": 1}}]', 200, "application/json", b'{"a": 1}'),
        ("[{file: cat.png}]", 200, "image/png", b"\x89PNG"),
        ("[]", 204, None, b""),
        ("[{file: large.bin}]", 204, None, b""),
    ],
)
async def test_the_first_request_is_answered_as_it_is(
    store: Path, archive: MakeArchive, warmup: str, status: int, type_: str | None, body: bytes
) -> None:
    files = {"cat.png": b"\x89PNG", "large.bin": b"0" * ((1 << 20) + 1)}
    archive("upper", HANDLER.replace(".decode()", ".decode('latin-1')"), files, config=f"warmup: {warmup}")
    async with serving(store, "upper.mar", one_port=True) as client:
        for path in ("upper", "upper/1.0"):
            answer = await client.http.get(f"/console/samples/{path}")
            assert (answer.status_code, answer.content) == (status, body)
            assert answer.headers.get("content-type") == type_
        assert (await client.http.get("/console/samples/none")).status_code == 404


async def test_a_model_without_any_has_none(store: Path, archive: MakeArchive) -> None:
    archive("upper", HANDLER)
    async with serving(store, "upper.mar", one_port=True) as client:
        assert (await client.http.get("/console/samples/upper")).status_code == 204


async def test_it_is_for_those_who_may_manage(store: Path) -> None:
    async with serving(store, one_port=True, authorization="management", management_token="t") as client:
        assert (await client.http.get("/console/samples/upper")).status_code == 401
