"""Web pages of other origins manage nothing on a server without tokens; other clients notice nothing."""

import socket
from pathlib import Path
from typing import Any

import pytest

from app.access.origin_policy import OriginPolicy
from app.errors import ForeignHost, ForeignOrigin
from app.settings.model import Settings
from tests.conftest import MakeArchive
from tests.support.serving import serving

LOOPBACK = "127.0.0.1"
OWN = {"host": "localhost:8080"}


def check(headers: dict[str, str], method: str = "POST", server: str | None = LOOPBACK, **settings: Any) -> None:
    policy = OriginPolicy(Settings(authorization="off").replace(**settings))
    policy.check(method, lambda name: headers.get(name.decode(), ""), server)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        OWN,
        {"host": "127.0.0.1:8080"},
        {"host": "[::1]:8080"},
        {"host": "marserve"},
        {"host": "x"},
        {"host": "models.localhost:8080"},
        {"host": socket.gethostname()},
        {**OWN, "origin": "http://localhost:8080", "sec-fetch-site": "same-origin"},
        {**OWN, "sec-fetch-site": "none"},
        {"host": "localhost", "origin": "http://localhost"},
        {"host": "localhost", "origin": "https://localhost:443"},
    ],
)
def test_own_pages_and_clients_that_are_no_browsers_manage(headers: dict[str, str]) -> None:
    check(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {**OWN, "origin": "http://evil.example"},
        {**OWN, "origin": "http://localhost:3000"},
        {**OWN, "origin": "https://localhost:8080:1"},
        {**OWN, "origin": "null"},
        {"origin": "null"},
        {**OWN, "sec-fetch-site": "cross-site"},
        {**OWN, "sec-fetch-site": "same-site"},
        {**OWN, "origin": "http://localhost:8080", "sec-fetch-site": "cross-site"},
        {"host": "evil.example", "origin": "http://evil.example", "sec-fetch-site": "cross-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET", "OPTIONS"])
def test_pages_of_other_origins_manage_nothing(headers: dict[str, str], method: str) -> None:
    with pytest.raises(ForeignOrigin):
        check(headers, method)


def test_a_link_may_be_followed() -> None:
    visit = {**OWN, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    check(visit, "GET")
    with pytest.raises(ForeignOrigin):
        check(visit, "POST")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "EVIL.example.", "127.0.0.1.evil.example"])
def test_a_name_that_leads_here_by_rebinding_is_refused(host: str) -> None:
    for server in (LOOPBACK, "::1"):
        with pytest.raises(ForeignHost, match="allowed_hosts"):
            check({"host": host}, server=server)
    check({"host": host}, server="10.0.0.7")
    check({"host": host}, server=None)


def test_other_names_and_origins_can_be_allowed() -> None:
    check({"host": "models.example:8080"}, allowed_hosts=("models.example",))
    page = {**OWN, "origin": "https://console.example", "sec-fetch-site": "cross-site"}
    check(page, cors_allowed_origin="https://console.example")
    for origin in ("*", "https://other.example", ""):
        with pytest.raises(ForeignOrigin):
            check(page, cors_allowed_origin=origin)


def test_where_tokens_are_asked_for_they_decide() -> None:
    check({"host": "evil.example", "origin": "http://evil.example"}, authorization="management")
    check({"host": "evil.example", "origin": "null"}, authorization="all")


@pytest.mark.anyio
async def test_a_page_registers_nothing_and_still_predicts(store: Path, archive: MakeArchive) -> None:
    archive("m", "def handle(data, context):\n    return data and [1]\n")
    page = {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}
    async with serving(store, "m.mar") as client:
        answer = await client.http.post("/models?url=m.mar&model_name=n", headers=page)
        assert (answer.status_code, answer.json()["type"]) == (403, "ForbiddenException")
        assert "cors_allowed_origin" in answer.json()["message"]
        assert client.application.registry.get("n") is None
        assert (await client.http.get("/models", headers=page)).status_code == 403
        assert (await client.http.post("/predictions/m", content="1", headers=page)).status_code == 200
        assert (await client.http.get("/ping", headers=page)).status_code == 200
        assert (await client.register("m.mar", model_name="n")).status_code == 200
