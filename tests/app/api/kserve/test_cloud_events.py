"""Predictions as events."""

import json

from app.api.kserve import cloud_events


def test_an_event_is_known_by_all_of_its_attributes() -> None:
    headers = dict.fromkeys(cloud_events.REQUIRED_HEADERS, b"x")
    assert cloud_events.is_binary(headers)
    assert not any(cloud_events.is_binary({k: v for k, v in headers.items() if k != name}) for name in headers)
    event = dict.fromkeys(cloud_events.REQUIRED_MEMBERS, "x")
    assert cloud_events.is_structured(event)
    assert not any(cloud_events.is_structured({k: v for k, v in event.items() if k != name}) for name in event)
    assert not cloud_events.is_structured([event])


def test_the_answer_is_an_event_too() -> None:
    headers = dict(cloud_events.binary_headers("m"))
    assert headers[b"ce-source"] == b"io.kserve.inference.m"
    assert headers.keys() == {b"ce-specversion", b"ce-id", b"ce-source", b"ce-type", b"ce-time"}
    event = json.loads(cloud_events.structured_body("m", b'{"predictions": [1]}'))
    assert (event["type"], event["data"]) == ("io.kserve.inference.response", {"predictions": [1]})
