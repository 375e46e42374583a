"""Fills in what a configuration leaves out, as `NormalizeModelConfig` of Triton's core does."""

from typing import Any

from model_registry.triton.config.backends import ENSEMBLE, ONNX

IDLE_MICROSECONDS = 1_000_000
"""Time that a sequence may be idle where the configuration does not say."""
CPU_INSTANCES = {ONNX.name: 2}
"""Instances on the CPU of a backend, where there are not to be one."""


def fill_defaults(config: Any) -> None:
    """Fill in the version policy, the scheduler's sizes and the optimization settings."""
    if not config.HasField("version_policy"):
        config.version_policy.latest.num_versions = 1
    if config.HasField("dynamic_batching"):
        _prefer_full_batches(config.dynamic_batching, config.max_batch_size)
    if config.HasField("sequence_batching"):
        batching = config.sequence_batching
        batching.max_sequence_idle_microseconds = batching.max_sequence_idle_microseconds or IDLE_MICROSECONDS
        if batching.HasField("oldest"):
            _prefer_full_batches(batching.oldest, config.max_batch_size)
    if config.platform == ENSEMBLE:
        if not config.HasField("model_transaction_policy"):
            config.model_transaction_policy.SetInParent()
        return
    for memory in ("input_pinned_memory", "output_pinned_memory"):
        if not config.optimization.HasField(memory):
            getattr(config.optimization, memory).enable = True


def fill_instance_groups(config: Any, gpu_count: int) -> None:
    """Give every instance group its name, kind, count and devices; a configuration without one gets one."""
    if config.platform == ENSEMBLE:
        return
    if not config.instance_group:
        config.instance_group.add(name=config.name)
    for index, group in enumerate(config.instance_group):
        group.name = group.name or f"{config.name}_{index}"
        if group.kind == group.KIND_AUTO:
            group.kind = group.KIND_GPU if gpu_count and config.backend != "python" else group.KIND_CPU
        if group.count < 1:
            group.count = CPU_INSTANCES.get(config.backend, 1) if group.kind == group.KIND_CPU else 1
        if group.kind == group.KIND_GPU and not group.gpus:
            group.gpus.extend(range(gpu_count))


def _prefer_full_batches(policy: Any, max_batch_size: int) -> None:
    if not policy.preferred_batch_size and max_batch_size > 0:
        policy.preferred_batch_size.append(max_batch_size)
