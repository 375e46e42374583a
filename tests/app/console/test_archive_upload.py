"""Archives over HTTP, in pieces."""

from pathlib import Path

import pytest

from app.console.archive_upload import parse_range
from app.errors import BadRequest
from tests.conftest import MakeArchive
from tests.support.console_model import HANDLER
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_an_archive_is_sent_in_pieces_and_registered(store: Path, tmp_path: Path, archive: MakeArchive) -> None:
    content = archive("upper", HANDLER).rename(tmp_path / "upper.mar").read_bytes()
    async with serving(store, one_port=True, max_request_size=400) as client:
        for start in range(0, len(content), 400):
            piece = content[start : start + 400]
            headers = {"content-range": f"bytes {start}-{start + len(piece) - 1}/{len(content)}"}
            answer = await client.http.put("/console/archives/upper.mar", content=piece, headers=headers)
            assert answer.status_code == (200 if start + len(piece) == len(content) else 202)
        assert answer.json()["status"] == f"upper.mar is in the model store, {len(content)} bytes"
        assert (await client.register("upper.mar")).status_code == 200
        again = await client.http.put("/console/archives/upper.mar", content=content[:400])
        assert (again.status_code, "already" in again.json()["message"]) == (409, True)


async def test_a_whole_small_archive_is_replaced(store: Path, archive: MakeArchive) -> None:
    content = archive("upper", HANDLER).read_bytes()
    async with serving(store, one_port=True) as client:
        answer = await client.http.put("/console/archives/upper.mar?replace=true", content=content)
        assert answer.status_code == 200
        assert (await client.http.put("/console/archives/x%2Fy.mar", content=content)).status_code == 405
        assert (await client.http.put("/console/archives/x.mar", content=b"no")).status_code == 400


async def test_it_is_a_management_call(store: Path) -> None:
    async with serving(store, one_port=True, authorization="management", management_token="t") as client:
        assert (await client.http.put("/console/archives/a.mar", content=b"x")).status_code == 401
    async with serving(store, one_port=True) as client:
        foreign = {"origin": "https://elsewhere.example"}
        assert (await client.http.put("/console/archives/a.mar", content=b"x", headers=foreign)).status_code == 403
    async with serving(store, one_port=True, enable_model_api="false") as client:
        assert (await client.http.put("/console/archives/a.mar", content=b"x")).status_code == 403


def test_ranges_fit_the_body() -> None:
    assert parse_range("", 7) == (0, 7)
    assert parse_range("bytes 5-9/20", 5) == (5, 20)
    for text in ("bytes 5-9/*", "bytes 5-9/20, 3", "items 5-9/20", "bytes 9-5/20", "bytes 5-8/20", "bytes -5/20"):
        with pytest.raises(BadRequest, match="content-range"):
            parse_range(text, 5)
