import logging

import pytest
from google.protobuf import text_format

from handler.tensors.errors import Code, TensorError
from model_registry.triton.config.checks.unsupported import check_supported
from model_registry.triton.config.messages import ModelConfig


@pytest.mark.parametrize(
    ("text", "words"),
    [('backend: "onnxruntime" batch_input { kind: BATCH_ELEMENT_COUNT }', "batch_input"),
     ('backend: "onnxruntime" input { name: "X" allow_ragged_batch: true }', "allow_ragged_batch"),
     ('backend: "python" sequence_batching { iterative_sequence: true }', "iterative"),
     ('backend: "python" parameters { key: "EXECUTION_ENV_PATH" value { string_value: "env.tar.gz" } }', "install"),
     ('backend: "python" parameters { key: "ISOLATION" value { string_value: "process" } }', "as an archive")],
)  # fmt: skip
def test_what_would_change_answers_is_refused_with_its_remedy(text: str, words: str) -> None:
    with pytest.raises(TensorError, match=words) as raised:
        check_supported(text_format.Parse(f'name: "m" {text}', ModelConfig()))
    assert raised.value.code is Code.UNSUPPORTED


def test_what_only_costs_time_is_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    text = 'name: "m" optimization { execution_accelerators { cpu_execution_accelerator { name: "openvino" } } }'
    with caplog.at_level(logging.WARNING):
        check_supported(text_format.Parse(text, ModelConfig()))
    assert "accelerators of model 'm'" in caplog.text
    check_supported(text_format.Parse('name: "m" backend: "python" input { allow_ragged_batch: true }', ModelConfig()))


@pytest.mark.parametrize("isolation", ["thread", "auto", "AUTO"])
def test_threads_may_be_asked_for(isolation: str) -> None:
    text = f'name: "m" backend: "python" parameters {{ key: "ISOLATION" value {{ string_value: "{isolation}" }} }}'
    check_supported(text_format.Parse(text, ModelConfig()))
