from pathlib import Path

import pytest

from handler.tensors.errors import TensorError
from handler.tensors.request_queue import QueuePolicy
from model_registry.triton.config.config_forms import config_of_text
from model_registry.triton.config.scheduling import batching_rules, scheduler_of, states_of


def test_dynamic_batching_becomes_rules() -> None:
    config = config_of_text("""
        max_batch_size: 8
        dynamic_batching {
          preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 2000 preserve_ordering: true
          priority_levels: 2 default_priority_level: 2
          default_queue_policy { max_queue_size: 5 default_timeout_microseconds: 7 timeout_action: DELAY }
          priority_queue_policy { key: 1 value { allow_timeout_override: true } }
        }
    """)
    rules = batching_rules(config.dynamic_batching, 8)
    assert (rules.preferred_sizes, rules.delay, rules.levels, rules.default_level) == ((4, 8), 0.002, 2, 2)
    assert rules.policy == QueuePolicy(5, 7, is_delayed=True)
    assert rules.level_policies == {1: QueuePolicy(may_override=True)}
    scheduler = scheduler_of(config, adaptive=True)
    assert (scheduler.is_ordered, scheduler.batcher.batch_size, scheduler.sequences) == (True, 8, None)


def test_without_a_scheduler_each_request_is_executed_alone() -> None:
    assert scheduler_of(config_of_text("max_batch_size: 8"), adaptive=True).batcher.batch_size == 1


STATE = """
name: "m" backend: "{}" sequence_batching {{ state {{
  input_name: "I" output_name: "O" data_type: TYPE_INT32 dims: [ 2 ] {}
}} }}
"""


def test_state_may_begin_with_a_file(tmp_path: Path) -> None:
    initial = 'initial_state { data_type: TYPE_INT32 dims: [ 2 ] name: "i" data_file: "zeros" }'
    config = config_of_text(STATE.format("onnxruntime", initial))
    with pytest.raises(TensorError, match="failed to open text file for read"):
        states_of(config, tmp_path)
    (tmp_path / "initial_state").mkdir()
    (tmp_path / "initial_state" / "zeros").write_bytes(bytes(8))
    states = states_of(config, tmp_path)
    assert states is not None
    assert [(spec.input, spec.output) for spec in states.specs] == [("I", "O")]


def test_a_python_model_keeps_its_state_itself(tmp_path: Path) -> None:
    with pytest.raises(TensorError, match="keeps its state itself"):
        states_of(config_of_text(STATE.format("python", "")), tmp_path)
    assert states_of(config_of_text('name: "m"'), tmp_path) is None
