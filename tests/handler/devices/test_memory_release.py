"""After a lack of memory the failed request holds nothing, and the next one is served."""

import json
import weakref
from pathlib import Path

import pytest

from handler.devices.memory_release import release_memory
from tests.conftest import MakeArchive
from tests.support.serving import serving


class Large:
    """Something to hold."""


def test_what_the_frames_held_is_forgotten() -> None:
    held: list[weakref.ref[Large]] = []

    def fail() -> None:
        large = Large()
        held.append(weakref.ref(large))
        raise MemoryError

    try:
        fail()
    except MemoryError as error:
        release_memory(error)
        assert held[0]() is None


@pytest.mark.anyio
@pytest.mark.parametrize("is_async", [False, True])
async def test_one_request_gets_507_and_the_next_its_answer(store: Path, archive: MakeArchive, is_async: bool) -> None:
    pytest.importorskip("torch")
    handler = f"""
        import torch
        class Handler:
            def initialize(self, context): pass
            {"async " if is_async else ""}def handle(self, data, context):
                if data[0]["body"] == "large":
                    raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
                return ["fine"]
    """
    archive("m", handler, config=f"asyncCommunication: {str(is_async).lower()}\nminWorkers: 1\nmaxWorkers: 1\n")
    async with serving(store) as client:
        await client.register("m.mar", synchronous=True)
        refused = await client.predict("m", "large")
        assert (refused.status_code, json.loads(refused.text)["message"]) == (507, "Out of resources")
        assert (await client.predict("m", "small")).text == "fine"
