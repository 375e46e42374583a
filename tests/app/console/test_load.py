"""The bounded load of the page."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from app.console.load import is_load_allowed
from tests.conftest import MakeArchive
from tests.support.console_model import HANDLER
from tests.support.serving import serving

Address = tuple[str, int | None] | None
pytestmark = pytest.mark.anyio
URL = "http://127.0.0.1:8080/console/load"
CONFIG = """
    minWorkers: 1
    maxWorkers: 1
    batchSize: 8
    maxBatchDelay: 50
"""


async def test_clients_at_once_make_batches(store: Path, archive: MakeArchive) -> None:
    archive("upper", HANDLER, config=CONFIG)
    async with serving(store, "upper.mar", one_port=True) as client:
        answer = await client.http.post(f"{URL}/upper/1.0?clients=16&seconds=1", content="hello")
        assert answer.status_code == 200
        figures = answer.json()
        assert figures["clients"] == 16
        assert figures["answers"] > 16
        assert figures["failures"] == {}
        assert max(map(int, figures["batches"])) > 1
        assert figures["latency"]["p50"] > 0
        alone = (await client.http.post(f"{URL}/upper?clients=1&seconds=1", content="hello")).json()
        assert list(alone["batches"]) == ["1"]


async def test_failures_are_counted_by_what_they_say(store: Path, archive: MakeArchive) -> None:
    archive("upper", HANDLER, config=CONFIG)
    async with serving(store, "upper.mar", one_port=True) as client:
        figures = (await client.http.post(f"{URL}/upper?clients=2&seconds=1", content="fail")).json()
        assert figures["answers"] == 0
        assert list(figures["failures"]) == ["503 Prediction failed"]
        assert figures["failures"]["503 Prediction failed"] <= 2 * 20
        assert (await client.http.post(f"{URL}/none", content="a")).status_code == 404
        assert (await client.http.post(f"{URL}/upper/9", content="a")).status_code == 404


async def test_there_are_bounds_and_one_load_at_a_time(store: Path, archive: MakeArchive) -> None:
    archive("upper", HANDLER, config=CONFIG)
    async with serving(store, "upper.mar", one_port=True) as client:
        for query in ("clients=21", "clients=0", "seconds=11", "seconds=0"):
            assert (await client.http.post(f"{URL}/upper?{query}", content="a")).status_code == 400
        statuses = []

        async def load() -> None:
            answer = await client.http.post(f"{URL}/upper?seconds=1", content="a")
            statuses.append(answer.status_code)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(load)
            tasks.start_soon(load)
        assert sorted(statuses) == [200, 409]


@pytest.mark.parametrize(
    ("authorization", "server", "client", "is_allowed"),
    [
        ("off", ("127.0.0.1", 8080), ("127.0.0.1", 50000), True),
        ("off", ("::1", 8080), ("::1", 50000), True),
        ("off", ("127.0.0.1", 8080), ("192.0.2.7", 50000), False),
        ("off", ("192.0.2.1", 8080), ("127.0.0.1", 50000), False),
        ("off", ("models.example", None), ("127.0.0.1", 50000), False),
        ("off", None, None, False),
        ("management", ("192.0.2.1", 8080), ("192.0.2.7", 50000), True),
    ],
)
async def test_it_is_off_where_strangers_may_be(
    store: Path, authorization: str, server: Address, client: Address, is_allowed: bool
) -> None:
    settings: dict[str, Any] = {"authorization": authorization, "management_token": "t"}
    async with serving(store, one_port=True, **settings) as caller:
        assert is_load_allowed(caller.application, {"server": server, "client": client}) is is_allowed


async def test_it_is_a_management_call(store: Path, archive: MakeArchive) -> None:
    archive("upper", HANDLER, config=CONFIG)
    async with serving(store, "upper.mar", one_port=True) as client:
        refused = await client.http.post("/console/load/upper", content="a")  # at the address `server`
        assert (refused.status_code, "own machine" in refused.json()["message"]) == (403, True)
    settings: dict[str, Any] = {"authorization": "management", "management_token": "t"}
    async with serving(store, "upper.mar", one_port=True, **settings) as client:
        for headers, status in (({}, 401), ({"authorization": "Bearer t"}, 200)):
            answer = await client.http.post("/console/load/upper?seconds=1", content="a", headers=headers)
            assert answer.status_code == status
