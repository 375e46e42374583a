"""Predictions of the page."""

import re
from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.console_model import HANDLER
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_the_phases_of_a_prediction_are_in_a_header(store: Path, archive: MakeArchive) -> None:
    archive("upper", HANDLER)
    async with serving(store, "upper.mar", one_port=True) as client:
        for path in ("upper", "upper/1.0"):
            answer = await client.http.post(f"/console/predictions/{path}", content="a")
            assert answer.text == "A"
            phases = re.findall(r"(\w+);dur=(\d+\.\d+)(;desc=\"1\")?", answer.headers["server-timing"])
            assert [name for name, _, _ in phases] == ["queue", "batch", "handler", "encoding"]
            durations = {name: float(value) for name, value, _ in phases}
            assert durations["handler"] + durations["encoding"] <= durations["batch"] + 0.002


async def test_failures_are_answered_as_elsewhere(store: Path, archive: MakeArchive) -> None:
    archive("upper", HANDLER)
    async with serving(store, "upper.mar", one_port=True) as client:
        failed = await client.http.post("/console/predictions/upper", content="fail")
        assert (failed.status_code, failed.json()["message"]) == (503, "Prediction failed")
        assert (await client.http.post("/console/predictions/none")).status_code == 404


async def test_it_needs_the_token_of_predictions(store: Path, archive: MakeArchive) -> None:
    archive("upper", HANDLER)
    locked = {"one_port": True, "authorization": "management", "management_token": "t"}
    async with serving(store, "upper.mar", **locked) as client:
        assert (await client.http.post("/console/predictions/upper", content="a")).text == "A"
