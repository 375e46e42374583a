"""The index document of a port that serves all APIs."""

from pathlib import Path

import pytest

from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_one_port_says_what_it_is_and_where_to_go_on(store: Path) -> None:
    async with serving(store, one_port=True) as client:
        index = (await client.http.get("/")).json()
        assert (index["name"], index["predict"]) == ("marserve", "POST /predictions/{model_name}")
        for name in ("models", "metrics", "description"):
            method, path = index[name].split()
            assert (await client.http.request(method, path)).status_code == 200


async def test_torchserves_addresses_have_none(store: Path) -> None:
    async with serving(store) as client:
        answer = await client.http.get("/")
        assert (answer.status_code, answer.json()["type"]) == (405, "MethodNotAllowedException")
