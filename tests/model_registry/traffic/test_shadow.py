"""Shadow traffic between two versions that really serve: compared, counted, dropped, never waited for."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from handler.job import Input, Output, Part
from model_registry.traffic.rules import Shadow, TrafficRules
from model_registry.traffic.shadow import MAX_PENDING, ShadowMirror
from model_registry.traffic.tolerance import Tolerance
from model_registry.version import ModelVersion
from tests.conftest import MakeArchive
from tests.support.serving import Client, serving

pytestmark = pytest.mark.anyio
ECHO = "def handle(data, context):\n    return [row['body'] for row in data or []]\n"
ODD = """
    def handle(data, context):
        return [b"other" if bytes(row["body"]) == b"odd" else row["body"] for row in data or []]
"""
FAILS = """
    def handle(data, context):
        if data:
            raise ValueError("no")
"""

HANGS = """
    import pathlib, time
    def handle(data, context):
        while data and not pathlib.Path({gate!r}).exists():
            time.sleep(0.01)
        return [row["body"] for row in data or []]
"""


async def versions(client: Client) -> tuple[ModelVersion, ModelVersion]:
    for url in ("old.mar", "new.mar"):
        assert (await client.register(url, model_name="m")).status_code == 200
    registry = client.application.registry
    return registry.resolve("m", "1.0"), registry.resolve("m", "2.0")


async def mirrored(mirror: ShadowMirror, real: ModelVersion, *bodies: bytes) -> list[Output]:
    answers = []
    for body in bodies:
        request = Input((Part("body", "", body),))
        reply = real.submit(request, f"id-{body.decode()}")
        reply.observer = mirror.mirror(real, request, f"id-{body.decode()}")
        answer = await reply.future
        assert isinstance(answer, Output)
        answers.append(answer)
    return answers


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


async def test_answers_are_compared_and_disagreements_kept(store: Path, archive: MakeArchive) -> None:
    archive("old", ECHO)
    archive("new", ODD, version="2.0")
    async with serving(store) as client:
        real, shadow = await versions(client)
        seen: list[bool] = []
        mirror = ShadowMirror(shadow, Tolerance(), seen.append)
        answers = await mirrored(mirror, real, b"a", b"odd", b"b")
        assert [bytes(answer.body) for answer in answers] == [b"a", b"odd", b"b"]
        await until(lambda: len(seen) == 3)
        assert seen == [True, False, True]
        (sample,) = mirror.describe_samples()
        assert (sample["request_id"], sample["old_body"], sample["new_body"]) == ("id-odd", "odd", "other")
        assert sample["request_body"] is None
        told = mirror.describe()
        assert (told["agreed"], told["differed"], told["dropped"]) == (2, 1, 0)
        assert told["latency"]["new"]["p50"] > 0


async def test_request_bodies_are_kept_only_on_demand(store: Path, archive: MakeArchive) -> None:
    archive("old", ECHO)
    archive("new", ODD, version="2.0")
    async with serving(store) as client:
        real, shadow = await versions(client)
        mirror = ShadowMirror(shadow, Tolerance(), keep_requests=True)
        await mirrored(mirror, real, b"odd")
        await until(lambda: bool(mirror.samples))
        assert mirror.samples[0].request_body == "odd"


async def test_a_shadow_that_fails_disagrees_and_costs_nothing(store: Path, archive: MakeArchive) -> None:
    archive("old", ECHO)
    archive("new", FAILS, version="2.0")
    async with serving(store) as client:
        real, shadow = await versions(client)
        mirror = ShadowMirror(shadow, Tolerance())
        (answer,) = await mirrored(mirror, real, b"a")
        assert bytes(answer.body) == b"a"
        await until(lambda: mirror.differed == 1)


async def test_a_shadow_without_workers_is_dropped(store: Path, archive: MakeArchive) -> None:
    archive("old", ECHO)
    archive("new", ODD, version="2.0")
    async with serving(store) as client:
        real, shadow = await versions(client)
        await shadow.scale(0, 0)
        mirror = ShadowMirror(shadow, Tolerance())
        await mirrored(mirror, real, b"a", b"b")
        assert (mirror.dropped, mirror.agreed, mirror.differed) == (2, 0, 0)


async def test_what_waits_for_a_shadow_is_dropped_with_its_last_worker(
    store: Path, archive: MakeArchive, tmp_path: Path
) -> None:
    archive("old", ECHO)
    gate = tmp_path / "gate"
    archive(
        "new",
        f"""
        import pathlib, sys, time
        def handle(data, context):
            while data and not pathlib.Path({str(gate)!r}).exists():
                time.sleep(0.01)
            return data and sys.exit(1)
        """,
        version="2.0",
    )
    async with serving(store) as client:
        real, shadow = await versions(client)
        mirror = ShadowMirror(shadow, Tolerance())
        (first,) = shadow.pool.workers
        await mirrored(mirror, real, b"a", b"b", b"c")
        gate.touch()
        await until(lambda: mirror.dropped == 2)
        assert (mirror.differed, mirror.agreed) == (1, 0)
        await until(lambda: shadow.batcher.is_idle and first not in shadow.pool.workers)
        await until(lambda: shadow.pool.ready_count == 1)  # its successor has nothing to die of
        assert mirror.describe()["dropped"] == 2


@pytest.mark.parametrize("end", ["rule", "server"])
async def test_what_waits_for_a_shadow_is_dropped_with_its_rule_and_with_the_server(
    store: Path, archive: MakeArchive, tmp_path: Path, end: str
) -> None:
    archive("old", ECHO)
    archive("new", HANGS.format(gate=str(tmp_path / "gate")), version="2.0")
    async with serving(store) as client:
        _, shadow = await versions(client)
        traffic = client.application.registry.traffic("m")
        traffic.set_rules(TrafficRules(weights={"1.0": 1}, shadow=Shadow("2.0", 1.0)))
        mirror = traffic.mirror
        assert mirror is not None
        for body in (b"a", b"b", b"c"):
            await traffic.submit(Input((Part("body", "", body),)), "id").future
        assert mirror.dropped == 0
        if end == "rule":
            traffic.clear_rules()
        else:
            closing = asyncio.create_task(client.application.registry.close(20))
            await asyncio.sleep(0)
        assert mirror.dropped == 3
        (tmp_path / "gate").touch()
        if end == "server":
            await closing
        await until(lambda: shadow.batcher.is_idle)
        assert mirror.describe()["agreed"] == 0


async def test_a_shadow_that_hangs_is_given_a_bounded_number(store: Path, archive: MakeArchive, tmp_path: Path) -> None:
    archive("old", ECHO)
    gate = tmp_path / "gate"
    archive("new", HANGS.format(gate=str(gate)), version="2.0")
    async with serving(store) as client:
        real, shadow = await versions(client)
        mirror = ShadowMirror(shadow, Tolerance())
        await mirrored(mirror, real, *[b"%d" % n for n in range(MAX_PENDING + 5)])
        assert mirror.dropped == 5
        gate.touch()
        await until(lambda: mirror.agreed == MAX_PENDING)
