"""The reference on a port of all APIs, and nowhere else."""

from pathlib import Path

import pytest

from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_the_page_and_the_document_are_there_and_load_nothing_from_elsewhere(store: Path) -> None:
    async with serving(store, one_port=True) as client:
        page = await client.http.get("/docs")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "http://" not in page.text
        assert "https://" not in page.text
        described = (await client.http.get("/openapi.json")).json()
        assert {"/docs", "/openapi.json"} <= described["paths"].keys()
        assert all("security" not in each for methods in described["paths"].values() for each in methods.values())


async def test_management_is_marked_where_it_needs_a_token(store: Path) -> None:
    async with serving(store, one_port=True, authorization="management", management_token="t") as client:
        paths = (await client.http.get("/openapi.json")).json()["paths"]
        assert paths["/models"]["get"]["security"] == [{"token": []}]
        assert "security" not in paths["/predictions/{model_name}"]["post"]


async def test_torchserves_addresses_do_not_have_it(store: Path) -> None:
    async with serving(store) as client:
        assert (await client.http.get("/openapi.json")).status_code == 404
