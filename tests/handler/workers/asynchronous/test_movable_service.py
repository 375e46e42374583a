"""Asynchronous workers whose load needs a process are processes."""

import os
from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]
HANDLER = """
    import os, random
    class Handler:
        def initialize(self, context):
            if context.model_yaml_config.get("seeds"):
                getattr(random, "se" "ed")(1)
        async def handle(self, data, context):
            return [str(os.getpid())]
"""


@pytest.mark.parametrize("seeds", [True, False])
async def test_it_moves_while_it_loads(store: Path, archive: MakeArchive, seeds: bool) -> None:
    archive("m", HANDLER, config=f"asyncCommunication: true\nseeds: {seeds}\nminWorkers: 1\nmaxWorkers: 1\n")
    async with serving(store) as client:
        await client.register("m.mar", synchronous=True)
        answer = await client.predict("m", {})
        assert answer.status_code == 200
        assert (int(answer.text) != os.getpid()) is seeds
