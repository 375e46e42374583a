"""Predictions on a runtime's port: what the handler decides, and events."""

from pathlib import Path

import pytest

from tests.app.api.kserve.test_routes import asking
from tests.conftest import MakeArchive

pytestmark = pytest.mark.anyio
DECIDES = """
    from ts.handler_utils.utils import send_intermediate_predict_response
    def handle(data, context):
        if data is None:
            return None
        word = data[0]
        if word == "raise":
            raise ValueError("secret")
        if word == "text":
            context.set_response_content_type(0, "text/plain")
        if word == "status":
            context.set_response_status(418, "Short and stout")
        if word == "stream":
            send_intermediate_predict_response(["first;"], context.request_ids, "ok", 200, context)
        return data
"""
EVENT = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "here", "ce-type": "t"}


async def test_the_handler_has_the_last_word(store: Path, archive: MakeArchive) -> None:
    archive("m", DECIDES)
    async with asking(store, "m.mar") as (http, _):

        async def answered(word: str) -> tuple[int, str | None, str]:
            answer = await http.post("/v1/models/m:predict", json={"instances": [word]})
            return answer.status_code, answer.headers.get("content-type"), answer.text

        assert (await answered("text"))[:2] == (200, "text/plain")
        assert (await answered("status"))[0] == 418
        status, kind, text = await answered("raise")
        assert (status, kind, text) == (503, "application/json", '{"error":"Prediction failed"}')
        assert (await answered("stream"))[2].startswith("first;")


async def test_events_in_both_modes(store: Path, archive: MakeArchive) -> None:
    archive("m", DECIDES)
    async with asking(store, "m.mar") as (http, _):
        answer = await http.post("/v1/models/m:predict", json={"instances": ["a"]}, headers=EVENT)
        assert (answer.headers["ce-source"], answer.json()) == ("io.kserve.inference.m", {"predictions": ["a"]})
        members = {name.removeprefix("ce-"): value for name, value in EVENT.items()}
        event = {**members, "time": "now", "data": {"instances": ["b"]}}
        kind = {"content-type": "application/cloudevents+json; charset=utf-8"}
        answer = await http.post("/v1/models/m:predict", json=event, headers=kind)
        assert answer.headers["content-type"] == "application/cloudevents+json"
        assert answer.json()["data"] == {"predictions": ["b"]}
        answer = await http.post("/v1/models/m:predict", json=event)
        assert answer.json() == {"predictions": ["b"]}
        event["data"] = {"instances": ["raise"]}
        answer = await http.post("/v1/models/m:predict", json=event, headers=kind)
        assert (answer.status_code, answer.json()) == (503, {"error": "Prediction failed"})
        event["data"] = {"instances": 5}
        assert (await http.post("/v1/models/m:predict", json=event, headers=kind)).status_code == 400
