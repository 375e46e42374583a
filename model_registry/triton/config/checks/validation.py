"""Refuses configurations that cannot be served, in the words of Triton's core.

`check_config` looks at the model as a whole, when its folder is read; `check_version` at what a version needs, when it
is loaded: only the errors of the latter reach a client in full.
"""

from collections.abc import Iterable
from math import prod
from typing import Any

from handler.tensors.errors import TensorError
from model_registry.triton.config.backends import BACKENDS, ENSEMBLE
from model_registry.triton.config.checks.sequence_controls import check_controls
from model_registry.triton.config.config_forms import InvalidConfig
from model_registry.triton.config.datatypes import datatype_in

DIMENSIONS_OF_IMAGES = 3
"""Dimensions that the formats NHWC and NCHW need beside that of the batch."""


def check_config(config: Any, folder_name: str) -> None:
    """Raise InvalidConfig for a configuration that is not one of a model in that folder."""
    if config.name != folder_name:
        raise InvalidConfig(
            f"unexpected directory name '{folder_name}' for model '{config.name}', directory name must equal model name"
        )
    _check_platform(config)
    if config.max_batch_size < 0:
        raise InvalidConfig(f"'max_batch_size' must be non-negative value for {config.name}")
    if config.HasField("dynamic_batching"):
        _check_dynamic_batching(config)
    if config.HasField("sequence_batching"):
        _check_preferred(config, config.sequence_batching.oldest.preferred_batch_size, "sequence")
        check_controls(config)
    if config.HasField("model_repository_agents"):
        raise InvalidConfig(f"model repository agents are not supported, so {config.name} is not served unchecked")
    if config.response_cache.enable and config.model_transaction_policy.decoupled:
        raise InvalidConfig("Response Cache does not currently support decoupled models")


def _check_platform(config: Any) -> None:
    if config.platform == ENSEMBLE:
        if not config.HasField("ensemble_scheduling"):
            raise InvalidConfig(
                f"ensemble scheduling must be set for ensemble {config.name} whose platform is {ENSEMBLE}"
            )
        return
    if config.HasField("ensemble_scheduling"):
        raise InvalidConfig(
            f"ensemble scheduling cannot be set for model '{config.name}' whose platform is not {ENSEMBLE}"
        )
    known = {backend.name for backend in BACKENDS if backend.platform}
    named = {backend.name for backend in BACKENDS if backend.platform == config.platform}
    if config.platform and known & {config.backend, *named} and config.backend not in named:
        raise InvalidConfig(f"unexpected 'platform' and 'backend' pair, got:{config.platform}, {config.backend}")


def _check_dynamic_batching(config: Any) -> None:
    batching, name = config.dynamic_batching, config.name
    _check_preferred(config, batching.preferred_batch_size, "dynamic")
    levels = batching.priority_levels
    if levels and not 1 <= batching.default_priority_level <= levels:
        raise InvalidConfig(f"default priority level must be in range [1, {levels}] for {name}")
    if levels and not all(1 <= level <= levels for level in batching.priority_queue_policy):
        raise InvalidConfig(f"priority queue policy must have priority level in range [1, {levels}] for {name}")
    if not batching.preserve_ordering:
        return
    if levels > 1:
        raise InvalidConfig(f"Only one priority level is allowed when 'preserve_ordering' is true for {name}")
    policies = [batching.default_queue_policy, *batching.priority_queue_policy.values()]
    if any(policy.timeout_action == policy.DELAY and policy.default_timeout_microseconds for policy in policies):
        raise InvalidConfig(
            f"Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for {name}"
        )


def _check_preferred(config: Any, sizes: Iterable[int], kind: str) -> None:
    for size in sizes:
        if size <= 0:
            raise InvalidConfig(f"{kind} batching preferred size must be positive for {config.name}")
        if size > config.max_batch_size:
            raise InvalidConfig(f"{kind} batching preferred size must be <= max batch size for {config.name}")


def check_version(config: Any, gpu_count: int) -> None:
    """Raise TensorError for inputs, outputs or instance groups that no version can be made of."""
    for kind, tensors in (("input", config.input), ("output", config.output)):
        for tensor in tensors:
            _check_tensor(config, kind, tensor)
    for group in config.instance_group:
        _check_group(config, group, gpu_count)


def _check_tensor(config: Any, kind: str, tensor: Any) -> None:
    about = f"model {kind} '{tensor.name}'"
    if not tensor.name:
        raise TensorError(f"model {kind} must specify 'name' for {config.name}")
    if datatype_in(config, tensor) is None:
        raise TensorError(f"{about} must specify 'data_type' for {config.name}")
    if not tensor.dims:
        raise TensorError(f"{about} must specify 'dims' for {config.name}")
    if any(size < 1 and size != -1 for size in tensor.dims):
        raise TensorError(
            f"{about} dimension must be integer >= 1, or -1 to indicate a variable-size dimension for {config.name}"
        )
    if tensor.HasField("reshape"):
        _check_reshape(config, about, tensor)
    if kind == "input" and tensor.format != tensor.FORMAT_NONE and len(tensor.dims) != DIMENSIONS_OF_IMAGES:
        raise TensorError(f"model input NHWC/NCHW require 3 dims for {config.name}")
    if tensor.is_shape_tensor:
        raise TensorError(f"shape tensors are only supported for TensorRT platform for {config.name}")
    if tensor.is_non_linear_format_io:
        raise TensorError(f"Non-linear IO format is only supported for the TensorRT platform for {config.name}")


def _check_reshape(config: Any, about: str, tensor: Any) -> None:
    dims, shape = list(tensor.dims), list(tensor.reshape.shape)
    if not shape and config.max_batch_size == 0:
        raise TensorError(
            f"{about} cannot have empty reshape for non-batching model as scalar tensors are not supported for "
            f"{config.name}"
        )
    if any(size < 1 and size != -1 for size in shape):
        raise TensorError(
            f"{about} reshape dimensions must be integer >= 1, or -1 to indicate a variable-size dimension"
        )
    if (-1 in dims) != (-1 in shape):
        raise TensorError(f"{about} has different size for dims and reshape for {config.name}")
    if dims.count(-1) != shape.count(-1):
        raise TensorError(
            f"{about} has different number of variable-size dimensions for dims and reshape for {config.name}"
        )
    if prod(size for size in dims if size != -1) != prod(size for size in shape if size != -1):
        raise TensorError(f"{about} has different size for dims and reshape for {config.name}")


def _check_group(config: Any, group: Any, gpu_count: int) -> None:
    about = f"instance group {group.name} of model {config.name}"
    if group.kind == group.KIND_MODEL and group.gpus:
        raise TensorError(f"{about} has kind KIND_MODEL but specifies one or more GPUs")
    if group.kind == group.KIND_CPU and group.gpus:
        raise TensorError(f"{about} has kind KIND_CPU but specifies one or more GPUs")
    if group.kind != group.KIND_GPU:
        return
    if not gpu_count:
        raise TensorError(f"{about} has kind KIND_GPU but no GPUs are available")
    for gpu in group.gpus:
        if gpu not in range(gpu_count):
            raise TensorError(f"{about} specifies invalid or unsupported gpu id {gpu}. There are {gpu_count} GPUs")
