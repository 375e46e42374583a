"""The console's page and files, and the clients that get them."""

import re
from pathlib import Path

import pytest

from app.console.endpoints import PAGE, STATIC, accepts_html
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
MAX_BYTES = 150_000


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (BROWSER, True),
        ("TEXT/HTML", True),
        ("text/html;q=0.5, application/json", False),
        ("text/html;q=0", False),
        ("text/html;q=wrong", False),
        ("application/json, */*", False),
        ("*/*", False),
        ("", False),
    ],
)
async def test_html_is_for_clients_that_name_it(store: Path, accept: str, html: bool) -> None:
    assert accepts_html(accept) is html
    async with serving(store, one_port=True) as client:
        answer = await client.http.get("/", headers={"accept": accept})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html" if html else "application/json")


async def test_other_methods_get_json_as_before(store: Path) -> None:
    async with serving(store, one_port=True) as client:
        answer = await client.http.post("/", headers={"accept": BROWSER})
        assert (answer.status_code, answer.json()["name"]) == (200, "marserve")


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/console.js", "/console/console.css"])
async def test_the_browser_may_load_nothing_from_elsewhere(store: Path, path: str) -> None:
    async with serving(store, one_port=True, authorization="management", management_token="t") as client:
        answer = await client.http.get(path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_unknown_files_are_not_found(store: Path) -> None:
    async with serving(store, one_port=True) as client:
        for path in ("/console/nothing.js", "/console/../endpoints.py", "/console/%2e%2e/endpoints.py"):
            assert (await client.http.get(path)).status_code == 404


async def test_torchserves_addresses_have_no_console(store: Path) -> None:
    async with serving(store) as client:
        for path in ("/", "/console", "/console/console.js", "/console/events"):
            answer = await client.http.get(path, headers={"accept": BROWSER})
            assert answer.status_code in (404, 405)


def test_the_files_are_small_and_name_no_other_host() -> None:
    files = list(STATIC.iterdir())
    assert sum(file.stat().st_size for file in files) < MAX_BYTES
    for file in files:
        hosts = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+", file.read_text())
        assert set(hosts) <= {"http://www.w3.org"}, file
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", PAGE.read_text())
