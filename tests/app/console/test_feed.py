"""The console's feed, over a real server."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.console.feed import Feed
from tests.conftest import MakeArchive
from tests.support.console_model import CONFIG, HANDLER
from tests.support.processes import TIMEOUT_SECONDS, Server
from tests.support.serving import serving

Event = tuple[str, dict[str, Any]]
TOKEN = {"authorization": "Bearer sesame"}


@contextmanager
def events(server: Server, **headers: str) -> Iterator[Iterator[Event]]:
    """The events of a server's feed, without those of the log."""
    with httpx2.stream("GET", f"{server.url}/console/events", headers=headers, timeout=TIMEOUT_SECONDS) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        yield ((name, data) for name, data in _parsed(answer.iter_lines()) if name != "log")


def _parsed(lines: Iterator[str]) -> Iterator[Event]:
    for line in lines:
        if line.startswith("event: "):
            yield line.removeprefix("event: "), json.loads(next(lines).removeprefix("data: "))


def log_of(server: Server, until: str) -> list[dict[str, Any]]:
    """The lines of a server's log up to one with a text."""
    lines: list[dict[str, Any]] = []
    with httpx2.stream("GET", f"{server.url}/console/events", timeout=TIMEOUT_SECONDS) as answer:
        for name, data in _parsed(answer.iter_lines()):
            if name == "server":
                httpx2.post(f"{server.url}/predictions/upper", content="fail", timeout=TIMEOUT_SECONDS)
            lines += data["lines"] if name == "log" else []
            if any(until in line["text"] for line in lines):
                break
    return lines


def version_of(sample: dict[str, Any]) -> dict[str, Any]:
    """The only version of the only model."""
    [model] = sample["models"]
    [version] = model["versions"]
    return dict(version)


def test_the_feed_shows_requests_errors_batches_and_workers(archive: MakeArchive, store: Path) -> None:
    archive("upper", HANDLER, config=CONFIG)
    with Server.of(store, "upper.mar") as server:
        server.until_listening()
        with events(server) as feed:
            name, described = next(feed)
            assert (name, described["modelApi"]) == ("server", True)
            name, sample = next(feed)
            assert (name, version_of(sample)["requests"]) == ("sample", 0)
            for body, status in (("hello", 200), ("fail", 503)):
                answer = httpx2.post(f"{server.url}/predictions/upper", content=body, timeout=TIMEOUT_SECONDS)
                assert answer.status_code == status
            samples: list[dict[str, Any]] = []
            while not samples or sum(each["requests"] * each["seconds"] for each in samples) < 1.9:
                _, sample = next(feed)
                samples.append({**version_of(sample), "seconds": sample["seconds"]})
            _, sample = next(feed)  # the batch of the last request may have been counted after it
            samples.append({**version_of(sample), "seconds": sample["seconds"]})
        assert sum(each["requests"] * each["seconds"] for each in samples) == pytest.approx(2)
        assert sum(each["errors"] * each["seconds"] for each in samples) == pytest.approx(1)
        assert sum(each["batches"].get("1", 0) for each in samples) == 2
        assert samples[-1]["latency"]["p50"] > 0
        assert samples[-1]["queue"] == {"waiting": 0, "capacity": 100}
        assert {worker["state"] for worker in samples[-1]["workers"]} <= {"ready", "loading"}
        assert sample["memory"]["resident"] > 1 << 20


def test_the_feed_has_the_lines_of_a_model_that_are_written_while_it_is_read(archive: MakeArchive, store: Path) -> None:
    archive("upper", HANDLER, config=CONFIG)
    with Server.of(store, "upper.mar") as server:
        server.until_listening()
        httpx2.post(f"{server.url}/predictions/upper", content="fail", timeout=TIMEOUT_SECONDS)
        lines = log_of(server, until="ValueError: the text says so")
        assert sum("ValueError: the text says so" in line["text"] for line in lines) == 1
        assert {(line["model"], line["version"]) for line in lines if "model" in line} == {("upper", "1.0")}


def test_the_feed_ends_when_the_server_does(archive: MakeArchive, store: Path) -> None:
    archive("upper", HANDLER)
    with Server.of(store, "upper.mar") as server:
        server.until_listening()
        with events(server) as feed:
            next(feed)
            server.process.send_signal(signal.SIGTERM)
            assert [name for name, _ in feed].count("server") == 0
        assert server.process.wait(TIMEOUT_SECONDS) == 0


def test_the_feed_needs_the_token_that_management_needs(archive: MakeArchive, store: Path) -> None:
    archive("upper", HANDLER)
    with Server.of(store, "upper.mar", environ={"MARSERVE_MANAGEMENT_TOKEN": "sesame", "K_SERVICE": "x"}) as server:
        server.until_listening()
        url = f"{server.url}/console/events"
        for headers in ({}, {"authorization": "Bearer wrong"}):
            refused = httpx2.get(url, headers=headers)
            assert refused.status_code == httpx2.get(f"{server.url}/models", headers=headers).status_code == 401
        with events(server, **TOKEN) as feed:
            _, described = next(feed)
            assert "sesame" not in json.dumps(described)


@pytest.mark.anyio
async def test_sampling_starts_with_the_first_listener_and_ends_with_the_last(
    archive: MakeArchive, store: Path
) -> None:
    archive("upper", HANDLER, config=CONFIG)
    async with serving(store, "upper.mar") as client:
        feed, server = Feed(), client.application
        assert server.metrics.on_events is None
        with feed.listening(server):
            with feed.listening(server):
                assert feed.latest() is feed.latest()
            assert feed.is_sampling
            assert server.metrics.on_events is not None
        assert not feed.is_sampling
        assert server.metrics.on_events is None
