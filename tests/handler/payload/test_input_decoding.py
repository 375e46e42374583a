"""Inputs are decoded as a handler chooses it."""

from pathlib import Path

import pytest

from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_a_handler_chooses_for_each_request_how_inputs_are_decoded(
    store: Path, archive: MakeArchive, isolation: str
) -> None:
    """TorchServe's workers read the variable whenever a request arrives."""
    source = """
        import os
        def handle(data, context):
            if data:
                os.environ["TS_DECODE_INPUT_REQUEST"] = "false" if isinstance(data[0]["body"], list) else "true"
                return [type(row["body"]).__name__ for row in data]
    """
    archive("m", source, config=f"isolation: {isolation}\n")
    async with serving(store) as client:
        await client.register("m.mar")
        assert [(await client.predict("m", [1])).text for _ in range(3)] == ["list", "bytearray", "list"]
