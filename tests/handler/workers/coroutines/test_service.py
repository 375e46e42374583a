"""Asynchronous services as their handlers see them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
CONFIG = "asyncCommunication: true\nminWorkers: 1\nmaxWorkers: 1\n"


async def answers(store: Path, archive: MakeArchive, handler: str, *bodies: Any, more: str = "") -> list[Any]:
    """The status and text of each request."""
    archive("m", handler, config=CONFIG + more)
    async with serving(store) as client:
        assert (await client.register("m.mar", synchronous=True)).status_code == 200
        found = [await client.predict("m", body) for body in bodies]
        return [(answer.status_code, answer.text) for answer in found]


async def test_initialize_may_run_the_loop_or_be_a_coroutine(store: Path, archive: MakeArchive) -> None:
    handler = """
        import asyncio
        class Handler:
            def initialize(self, context):
                self.loop = asyncio.get_event_loop()
                asyncio.run(asyncio.sleep(0))
                return self.prepare()
            async def prepare(self):
                self.word = "ready"
                assert asyncio.get_running_loop() is self.loop
            async def handle(self, data, context):
                return [f"{self.word} {asyncio.get_running_loop() is self.loop}"]
    """
    assert await answers(store, archive, handler, {}) == [(200, "ready True")]


async def test_functions_and_ordinary_handlers_are_served(store: Path, archive: MakeArchive) -> None:
    assert await answers(store, archive, "async def handle(data, context): return data and ['a']", {}) == [(200, "a")]
    assert await answers(store, archive, "def handle(data, context): return data and ['b']", {}) == [(200, "b")]


async def test_each_request_has_a_context_of_its_own(store: Path, archive: MakeArchive) -> None:
    handler = """
        import threading
        class Handler:
            def initialize(self, context):
                context.notes = []
                if context.model_yaml_config.get("shares"):
                    context.lock = threading.Lock()
            async def handle(self, data, context):
                context.notes.append(1)
                context.set_response_status(201, "", 0)
                context.metrics.add_counter("Asked", 1, 0)
                return [f"{len(context.notes)} {len(context.request_ids)}"]
    """
    assert await answers(store, archive, handler, {}, {}) == [(201, "1 1")] * 2
    # What cannot be copied is shared.
    assert await answers(store, archive, handler, {}, {}, more="shares: true\n") == [(201, "1 1"), (201, "2 1")]


async def test_generators_send_pieces_and_say_what_is_wrong_with_them(store: Path, archive: MakeArchive) -> None:
    handler = """
        class Handler:
            def initialize(self, context): pass
            async def handle(self, data, context):
                for piece in data[0]["body"]:
                    yield piece
    """
    found = await answers(store, archive, handler, [["a"], [{"b": 1}]], [], ["bare"])
    assert found == [
        (200, 'a{\n  "b": 1\n}'),
        (200, ""),
        (503, json.dumps(json.loads(found[2][1]), indent=2) + "\n"),
    ]
    assert json.loads(found[2][1])["message"] == "Invalid model predict output"


async def test_warm_up_runs_on_the_loop(store: Path, archive: MakeArchive) -> None:
    handler = """
        import asyncio
        class Handler:
            def initialize(self, context):
                self.seen = []
            async def handle(self, data, context):
                await asyncio.sleep(0)
                self.seen.append(data[0]["body"])
                return [self.seen]
    """
    found = await answers(store, archive, handler, 2, more="warmup: [{json: 1}]\n")
    assert [(status, json.loads(text)) for status, text in found] == [(200, [1, 2])]
