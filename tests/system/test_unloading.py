"""Rounds of registering and unregistering leave the process as it was."""

import asyncio
from pathlib import Path
from time import monotonic

import pytest

from tests.conftest import MakeArchive
from tests.support.footprint import Footprint
from tests.support.serving import Client, serving

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not show what a process holds"),
]
ROUNDS = 20

HANDLER = """
    import dataclasses, logging, pickle, sys
    from concurrent.futures import ThreadPoolExecutor
    import model
    from pack import part

    log = logging.getLogger(__name__)

    class Works(part.Parent):
        def initialize(self, context):
            self.net = pickle.loads(pickle.dumps(model.Net()))
            self.pool = ThreadPoolExecutor(1)
            with open("words.txt") as words:
                self.words = words.read().split()
            sys.path.append(context.system_properties["model_dir"] + "/more")
            print("loaded")

        def handle(self, data, context):
            import late
            log.info("called")
            context.metrics.add_counter("Calls", 1)
            value = self.pool.submit(lambda: late.WHO + self.net.who).result()
            return [dataclasses.asdict(model.Row(value + self.words[0])) for row in data]
"""
FILES = {
    "model.py": "import dataclasses\nclass Net:\n    who = 'net'\n@dataclasses.dataclass\nclass Row:\n    value: str\n",
    "pack/__init__.py": "",
    "pack/part.py": "from . import other\nclass Parent:\n    other = other\n",
    "pack/other.py": "",
    "more/late.py": "WHO = 'late'\n",
    "words.txt": "word",
}


async def a_round(client: Client, name: str, **query: object) -> None:
    """Register a model, ask it, and unregister it."""
    assert (await client.register(f"{name}.mar", **query)).status_code == 200
    assert (await client.predict(name, "x")).json() == {"value": "latenetword"}
    assert (await client.manage("DELETE", f"/models/{name}")).status_code == 200


async def settled(before: Footprint, temporary: Path) -> dict[str, object]:
    """Threads that remain: those of executors end shortly after their last use."""
    deadline = monotonic() + 10
    while (grown := Footprint.now(temporary).grown(before)) and monotonic() < deadline:
        await asyncio.sleep(0.02)
    return grown


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_rounds_leave_nothing_behind(
    store: Path, archive: MakeArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolation: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    archive("works", HANDLER, FILES)
    async with serving(store) as client:
        for _ in range(2):  # what is made once and for all
            await a_round(client, "works", isolation=isolation)
        before = Footprint.now(tmp_path)
        for number in range(ROUNDS if isolation == "thread" else 5):
            await a_round(client, "works", isolation=isolation, initial_workers=1 + number % 2)
        assert await settled(before, tmp_path) == {}


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_failed_registrations_leave_nothing_behind(
    store: Path, archive: MakeArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolation: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    archive("broken", HANDLER + "\n    import is_not_there", FILES)
    async with serving(store) as client:
        assert (await client.register("broken.mar", isolation=isolation)).status_code == 500
        before = Footprint.now(tmp_path)
        for _ in range(5):
            assert (await client.register("broken.mar", isolation=isolation)).status_code == 500
        assert await settled(before, tmp_path) == {}


async def test_the_code_of_an_unregistered_model_is_collected(
    store: Path, archive: MakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No reference from the server, its threads or its loggers keeps a handler alive."""
    source = """
        import builtins, weakref
        class Watched:
            def initialize(self, context):
                builtins.watched_by_a_test.append(weakref.ref(self))
            def handle(self, data, context):
                return data
    """
    kept: list[object] = []
    monkeypatch.setattr("builtins.watched_by_a_test", kept, raising=False)
    archive("watched", source)
    async with serving(store) as client:
        await client.register("watched.mar")
        await client.predict("watched", "x")
        assert [found() is not None for found in kept] == [True]
        await client.manage("DELETE", "/models/watched")
        Footprint.now()
        assert [found() for found in kept] == [None]
