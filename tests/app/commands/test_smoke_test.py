"""Loading a model version and sending it requests, without a server."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from app.commands.sample_requests import Sample
from app.commands.smoke_test import SmokeTestResult, make_input, resident_memory, run_smoke_test
from model_registry.registration import Registration
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
FAILS_LATER = """
    calls = 0
    def handle(data, context):
        global calls
        if not data:
            return None
        calls += 1
        if calls > 2:
            raise ValueError("too often")
        return ["x" * 500] * len(data)
"""
SAMPLE = Sample("here", "POST", "/", {"content-type": "application/json"}, b"[1]")


async def smoke_test(path: Path, *samples: Sample, repeat: int = 3, **options: Any) -> tuple[SmokeTestResult, int]:
    """The result for an archive of a store, and how often its load has failed."""
    failures = count()
    async with serving(path.parent) as client:
        factory = client.application.factory
        registration = Registration(path.name, max_batch_delay=0)
        version = factory.make(*factory.open(registration))
        try:
            result = await run_smoke_test(version, samples, repeat, lambda: next(failures) and None, **options)
        finally:
            await version.close(1)
    return result, next(failures)


async def test_requests_are_repeated_and_their_start_is_kept(archive: MakeArchive) -> None:
    path = archive("long", "def handle(data, context):\n    return ['x' * 500 for row in data or ()]\n")
    result, failures = await smoke_test(path, SAMPLE)
    assert (result.ok, failures, result.load_seconds > 0) == (True, 0, True)
    (request,) = result.requests
    assert (request.status, request.size, request.start) == (200, 500, "x" * 200)
    assert request.warm is not None
    assert request.warm > 0


async def test_the_first_failure_is_the_result_of_a_request(archive: MakeArchive) -> None:
    result, _ = await smoke_test(archive("fails", FAILS_LATER), SAMPLE)
    (request,) = result.requests
    assert (result.ok, request.status, request.error, request.warm) == (False, 503, "Prediction failed", None)


async def test_a_failed_load_has_the_archives_own_traceback(archive: MakeArchive) -> None:
    result, failures = await smoke_test(archive("broken", "raise LookupError('no weights')\n"), SAMPLE)
    assert (result.ok, result.error, failures) == (False, "LookupError: no weights", 1)
    assert result.traceback[-1].strip() == "LookupError: no weights"
    assert "importlib" not in "".join(result.traceback)


async def test_growth_of_memory_is_between_the_first_request_and_the_last(archive: MakeArchive) -> None:
    figures: Iterator[int] = iter((100, 400, 450, 470))
    path = archive("echo", "def handle(data, context):\n    return ['x' for row in data or ()]\n")
    result, _ = await smoke_test(path, SAMPLE, memory=lambda: next(figures))
    assert (result.load_memory, result.warm_memory) == (300, 20)


def test_an_input_has_the_body_by_its_content_type() -> None:
    made = make_input(SAMPLE)
    assert [(part.name, part.value) for part in made.parts] == [("body", b"[1]")]
    assert ("explain", "False") in made.headers


def test_resident_memory_is_that_of_this_process() -> None:
    if Path("/proc/self/statm").exists():
        assert (resident_memory() or 0) > 1 << 20
