"""Archives as clients of model repositories describe models; tritonclient's message takes the configuration."""

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from app.open_inference.archives import declared_tensors, describe_config
from handler.tensors.errors import TensorError
from model_registry.triton.config.messages import ModelConfig
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
ECHO = "def handle(data, context):\n    return data and ['fine'] * len(data)\n"
CONFIG = """
tensors:
  inputs: [{name: x, datatype: BYTES, shape: [-1, 1]}]
  outputs: [{name: y, datatype: INT64, shape: [-1, 3]}]
"""


async def test_configuration_is_a_message_of_triton(store: Path, archive: Any) -> None:
    archive("m", ECHO, config=CONFIG)
    archive("plain", ECHO)
    async with serving(store, "m.mar", "plain.mar", one_port=True) as client:
        registry = client.application.registry
        described = ParseDict(await describe_config(await registry.find("m", None)), ModelConfig())
        assert [(each.name, list(each.dims)) for each in described.output] == [("y", [3])]
        assert described.max_batch_size > 0
        plain = ParseDict(await describe_config(await registry.find("plain", None)), ModelConfig())
        assert (plain.max_batch_size, len(plain.input), plain.platform) == (0, 0, "archive")


async def test_archive_without_tensors_has_none_to_ask(store: Path, archive: Any) -> None:
    archive("plain", ECHO)
    async with serving(store, "plain.mar", one_port=True) as client:
        with pytest.raises(TensorError, match="/predictions/plain"):
            await declared_tensors(await client.application.registry.find("plain", None))
