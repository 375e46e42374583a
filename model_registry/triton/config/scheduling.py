"""The scheduler of a configuration: default, dynamic batching, or sequence batching."""

from collections.abc import Mapping
from pathlib import Path
from sys import maxsize
from typing import Any, NamedTuple

from handler.batching.batcher import Batcher
from handler.batching.sequence_batcher import SequenceBatcher
from handler.batching.sequences import SequenceLimits, Sequences
from handler.tensors.errors import TensorError
from handler.tensors.request_queue import MICROSECONDS, BatchingRules, QueuePolicy, RequestQueue
from handler.tensors.sequence_states import SequenceStates, StateSpec
from model_registry.tensors.sequence_checks import SequenceChecks
from model_registry.triton.config.checks.sequence_controls import controls_of
from model_registry.triton.config.datatypes import datatype_in
from model_registry.triton.config.files import read_bytes

MAX_SEQUENCES = 10_000
"""Sequences of one version that may be under way at once."""
FOLDER = "initial_state"


class Scheduler(NamedTuple):
    """The queue of a version, and the rules of its sequences, if it has any."""

    batcher: Batcher
    is_ordered: bool = False
    sequences: SequenceChecks | None = None


def scheduler_of(config: Any, *, adaptive: bool) -> Scheduler:
    """The scheduler of a configuration that has been checked; raises TensorError."""
    if config.HasField("sequence_batching"):
        return _sequence_scheduler(config, adaptive=adaptive)
    if not config.HasField("dynamic_batching"):
        return Scheduler(Batcher(1, 0.0, maxsize))  # one request for each execution, however many rows it has
    rules = batching_rules(config.dynamic_batching, max(1, config.max_batch_size))
    batcher = Batcher(rules.max_batch_size, rules.delay, maxsize, adaptive=adaptive, queue=RequestQueue(rules))
    return Scheduler(batcher, config.dynamic_batching.preserve_ordering)


def batching_rules(batching: Any, max_batch_size: int) -> BatchingRules:
    """The rules of `dynamic_batching`."""
    return BatchingRules(
        max_batch_size,
        tuple(batching.preferred_batch_size),
        batching.max_queue_delay_microseconds / MICROSECONDS,
        max(1, batching.priority_levels),
        max(1, batching.default_priority_level),
        _policy(batching.default_queue_policy),
        _policies(batching.priority_queue_policy),
    )


def _policies(policies: Mapping[int, Any]) -> dict[int, QueuePolicy]:
    return {level: _policy(policies[level]) for level in policies}


def _policy(policy: Any) -> QueuePolicy:
    return QueuePolicy(
        policy.max_queue_size,
        policy.default_timeout_microseconds,
        policy.timeout_action == policy.DELAY,
        policy.allow_timeout_override,
    )


def _sequence_scheduler(config: Any, *, adaptive: bool) -> Scheduler:
    batching = config.sequence_batching
    strategy = batching.oldest if batching.HasField("oldest") else batching.direct
    idle = batching.max_sequence_idle_microseconds / MICROSECONDS
    limits = SequenceLimits(MAX_SEQUENCES, maxsize, idle, forgets_ended=True)
    delay = strategy.max_queue_delay_microseconds / MICROSECONDS
    batcher = SequenceBatcher(max(1, config.max_batch_size), delay, maxsize, Sequences(limits), adaptive=adaptive)
    checks = SequenceChecks(config.name, idle, controls_of(config), has_batch=config.max_batch_size > 0)
    return Scheduler(batcher, sequences=checks)


def states_of(config: Any, folder: Path) -> SequenceStates | None:
    """The implicit state of a configuration, None if it has none; raises TensorError."""
    states = config.sequence_batching.state
    if not config.HasField("sequence_batching") or not states:
        return None
    if config.backend == "python":
        raise TensorError(
            f"the Python model '{config.name}' keeps its state itself: sequence_batching.state is refused"
        )
    return SequenceStates([_state(config, each, folder) for each in states], has_batch=config.max_batch_size > 0)


def _state(config: Any, state: Any, folder: Path) -> StateSpec:
    datatype = datatype_in(config, state)
    if datatype is None:
        raise TensorError(f"state '{state.input_name}' must specify 'data_type' for {config.name}")
    if not state.initial_state:
        return StateSpec(state.input_name, state.output_name, datatype, tuple(state.dims))
    initial = state.initial_state[0]
    raw = (
        None
        if initial.WhichOneof("state_data") == "zero_data"
        else read_bytes(folder / FOLDER / str(initial.data_file))
    )
    return StateSpec(state.input_name, state.output_name, datatype, tuple(initial.dims), raw)
