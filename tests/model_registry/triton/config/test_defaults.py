"""Defaults of configurations."""

import pytest

from model_registry.triton.config.config_forms import config_of_text, json_of_config
from model_registry.triton.config.defaults import fill_defaults, fill_instance_groups


def test_a_model_gets_a_version_policy_and_settings() -> None:
    config = config_of_text('backend: "python" max_batch_size: 4 dynamic_batching { }')
    fill_defaults(config)
    filled = json_of_config(config)
    assert filled["version_policy"] == {"latest": {"num_versions": 1}}
    assert filled["dynamic_batching"]["preferred_batch_size"] == [4]
    assert filled["optimization"]["input_pinned_memory"] == {"enable": True}
    assert "model_transaction_policy" not in filled


def test_what_is_said_stays() -> None:
    text = "version_policy { all { } } optimization { output_pinned_memory { } } dynamic_batching { }"
    config = config_of_text(text)
    fill_defaults(config)
    assert config.version_policy.HasField("all")
    assert not config.optimization.output_pinned_memory.enable
    assert not config.dynamic_batching.preferred_batch_size


def test_sequences_get_an_idle_time_and_a_size() -> None:
    config = config_of_text("max_batch_size: 3 sequence_batching { oldest { } }")
    fill_defaults(config)
    assert config.sequence_batching.max_sequence_idle_microseconds == 1_000_000
    assert list(config.sequence_batching.oldest.preferred_batch_size) == [3]


def test_an_ensemble_gets_a_transaction_policy_and_no_instances() -> None:
    config = config_of_text('platform: "ensemble"')
    fill_defaults(config)
    fill_instance_groups(config, gpu_count=1)
    filled = json_of_config(config)
    assert filled["model_transaction_policy"] == {"decoupled": False}
    assert filled["instance_group"] == []
    assert "optimization" not in filled


@pytest.mark.parametrize(("text", "gpus", "groups"), [
    ('backend: "python"', 2, [("m", "KIND_CPU", 1, [])]),
    ('backend: "onnxruntime"', 0, [("m", "KIND_CPU", 2, [])]),
    ('backend: "onnxruntime"', 2, [("m", "KIND_GPU", 1, [0, 1])]),
    ('instance_group [ { count: 3 kind: KIND_CPU }, { name: "x" kind: KIND_GPU gpus: 1 } ]', 2,
     [("m_0", "KIND_CPU", 3, []), ("x", "KIND_GPU", 1, [1])]),
])  # fmt: skip
def test_every_group_has_a_name_a_kind_and_a_count(text: str, gpus: int, groups: list[tuple[object, ...]]) -> None:
    config = config_of_text(f'name: "m" {text}')
    fill_instance_groups(config, gpus)
    filled = json_of_config(config)["instance_group"]
    assert [tuple(group[key] for key in ("name", "kind", "count", "gpus")) for group in filled] == groups
