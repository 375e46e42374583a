"""Configurations that cannot be served."""

import pytest

from handler.tensors.errors import TensorError
from model_registry.triton.config.checks.validation import check_config, check_version
from model_registry.triton.config.config_forms import InvalidConfig, config_of_text

X = 'input { name: "X" data_type: TYPE_FP32 dims: [ 4 ] }'


@pytest.mark.parametrize(("text", "words"), [
    ('name: "n"', "unexpected directory name 'm' for model 'n', directory name must equal model name"),
    ("max_batch_size: -1", "'max_batch_size' must be non-negative value for m"),
    ('platform: "ensemble"', "ensemble scheduling must be set for ensemble m"),
    ("ensemble_scheduling { }", "ensemble scheduling cannot be set for model 'm' whose platform is not ensemble"),
    ('sequence_batching { control_input { } }', "sequence batching control tensor must have a name for m"),
    ('platform: "onnxruntime_onnx" backend: "python"', "unexpected 'platform' and 'backend' pair, got:onnxruntime"),
    ("max_batch_size: 4 dynamic_batching { preferred_batch_size: 8 }",
     "dynamic batching preferred size must be <= max batch size for m"),
    ("dynamic_batching { preferred_batch_size: 0 }", "dynamic batching preferred size must be positive for m"),
    ("max_batch_size: 4 sequence_batching { oldest { preferred_batch_size: 8 } }",
     "sequence batching preferred size must be <= max batch size for m"),
    ("dynamic_batching { priority_levels: 2 }", r"default priority level must be in range \[1, 2\] for m"),
    ("dynamic_batching { priority_levels: 2 default_priority_level: 1 priority_queue_policy { key: 3 value { } } }",
     r"must have priority level in range \[1, 2\] for m"),
    ("dynamic_batching { priority_levels: 2 default_priority_level: 1 preserve_ordering: true }",
     "Only one priority level is allowed when 'preserve_ordering' is true for m"),
    (("dynamic_batching { preserve_ordering: true default_queue_policy { timeout_action: DELAY "
     "default_timeout_microseconds: 1 } }"), "Queue policy can not have DELAY"),
    ('model_repository_agents { agents { name: "checksum" } }', "model repository agents are not supported"),
    ("response_cache { enable: true } model_transaction_policy { decoupled: true }", "does not currently support"),
])  # fmt: skip
def test_a_model_is_refused_when_its_folder_is_read(text: str, words: str) -> None:
    config = config_of_text(text)
    config.name = config.name or "m"
    with pytest.raises(InvalidConfig, match=words):
        check_config(config, "m")


def test_what_a_backend_takes_passes() -> None:
    check_config(config_of_text(f'name: "m" backend: "python" dynamic_batching {{ }} {X} {X}'), "m")


@pytest.mark.parametrize(("text", "words"), [
    ('input { name: "IN" data_type: TYPE_FP32 dims: 0 }', "model input 'IN' dimension must be integer >= 1, or -1"),
    ('input { name: "IN" dims: 1 }', "model input 'IN' must specify 'data_type' for m"),
    ('output { name: "Y" data_type: TYPE_FP32 }', "model output 'Y' must specify 'dims' for m"),
    ("output { data_type: TYPE_FP32 dims: 1 }", "model output must specify 'name' for m"),
    ('input { name: "IN" data_type: TYPE_FP32 dims: 1 format: FORMAT_NHWC }', "NHWC/NCHW require 3 dims for m"),
    ('input { name: "IN" data_type: TYPE_FP32 dims: 1 is_shape_tensor: true }', "shape tensors are only supported"),
    ('input { name: "IN" data_type: TYPE_FP32 dims: 1 is_non_linear_format_io: true }', "Non-linear IO format is only"),
    ('input { name: "IN" data_type: TYPE_FP32 dims: 1 reshape { } }', "cannot have empty reshape"),
    ('input { name: "IN" data_type: TYPE_FP32 dims: 4 reshape { shape: [ 2, 3 ] } }', "different size for dims"),
    ('input { name: "IN" data_type: TYPE_FP32 dims: 4 reshape { shape: [ 4, -1 ] } }', "has different size for dims"),
    ('input { name: "IN" data_type: TYPE_FP32 dims: -1 reshape { shape: [ -1, -1 ] } }', "different number of"),
    ('input { name: "IN" data_type: TYPE_FP32 dims: 4 reshape { shape: [ 4, 0 ] } }', "reshape dimensions must be"),
    ('instance_group { name: "g" kind: KIND_GPU }', "instance group g of model m has kind KIND_GPU but no GPUs"),
    ('instance_group { name: "g" kind: KIND_CPU gpus: 0 }', "has kind KIND_CPU but specifies one or more GPUs"),
    ('instance_group { name: "g" kind: KIND_MODEL gpus: 0 }', "has kind KIND_MODEL but specifies one or more GPUs"),
])  # fmt: skip
def test_a_version_is_refused_when_it_is_loaded(text: str, words: str) -> None:
    with pytest.raises(TensorError, match=words):
        check_version(config_of_text(f'name: "m" {text}'), gpu_count=0)


def test_a_gpu_has_to_be_there() -> None:
    config = config_of_text('name: "m" instance_group { name: "g" kind: KIND_GPU gpus: [ 0, 2 ] }')
    with pytest.raises(TensorError, match="invalid or unsupported gpu id 2"):
        check_version(config, gpu_count=2)
    check_version(config, gpu_count=3)


def test_a_scalar_may_be_a_reshape_where_there_is_a_batch() -> None:
    check_version(config_of_text(f"max_batch_size: 2 {X.replace('4', '1').replace(' }', ' reshape {} }')}"), 0)
