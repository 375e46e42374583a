"""Configurations as text and as JSON."""

import pytest

from model_registry.triton.config.config_forms import (
    InvalidConfig,
    config_of_json,
    config_of_text,
    config_of_values,
    json_of_config,
)  # fmt: skip

TEXT = """
# a comment
backend: 'python', max_batch_size: 4;
input [ { name: "A" data_type: TYPE_FP32 dims: [ -1 ] }, { name: "B" data_type: TYPE_STRING dims: 1 } ]
parameters { key: "k" value { string_value: "v" "w" } }
dynamic_batching { priority_queue_policy { key: 3 value { max_queue_size: 1 } } }
model_warmup { name: "w" inputs { key: "A" value { dims: 2 zero_data: true } } }
"""


def test_text_becomes_json_with_every_default() -> None:
    told = json_of_config(config_of_text(TEXT))
    assert list(told)[:6] == ["name", "platform", "backend", "runtime", "max_batch_size", "input"]
    assert told["input"][0] == {
        "name": "A", "data_type": "TYPE_FP32", "format": "FORMAT_NONE", "dims": [-1], "is_shape_tensor": False,
        "allow_ragged_batch": False, "optional": False, "is_non_linear_format_io": False,
    }  # fmt: skip
    assert told["parameters"] == {"k": {"string_value": "vw"}}
    assert told["dynamic_batching"]["priority_queue_policy"]["3"]["timeout_action"] == "REJECT"
    assert told["model_warmup"][0]["inputs"]["A"] == {"data_type": "TYPE_INVALID", "dims": [2], "zero_data": True}
    assert told["instance_group"] == []
    assert "optimization" not in told
    assert "sequence_batching" not in told


def test_json_becomes_the_same_message() -> None:
    config = config_of_text(TEXT)
    assert config_of_values(json_of_config(config)) == config


@pytest.mark.parametrize(
    "text", ["no_such_field: 1", "max_batch_size: {", 'name: "a', "input { data_type: TYPE_FP99 }"]
)
def test_text_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidConfig, match="failed to read text proto"):
        config_of_text(text)


@pytest.mark.parametrize("text", ["{", '{"nonsense": 1}', '{"max_batch_size": "many"}'])
def test_json_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidConfig):
        config_of_json(text)
