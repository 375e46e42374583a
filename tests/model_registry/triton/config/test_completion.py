import pytest

from handler.tensors.backends.onnx_model import OnnxDescription, OnnxTensor
from handler.tensors.errors import TensorError
from model_registry.triton.config.completion import complete_onnx, complete_python, needs_description
from model_registry.triton.config.config_forms import config_of_text, json_of_config
from tests.support.tensor_models import FP32, INT32


def description(*shapes: tuple[int, ...]) -> OnnxDescription:
    """A model with an input and an output of each shape."""
    return OnnxDescription(
        *([OnnxTensor(f"{kind}{index}", FP32, shape) for index, shape in enumerate(shapes)] for kind in "XY")
    )


def test_a_model_whose_tensors_all_have_a_variable_first_dimension_batches() -> None:
    config = config_of_text('name: "m"')
    assert needs_description(config)
    complete_onnx(config, description((-1, 3), (-1,)), 4)
    assert (config.max_batch_size, list(config.dynamic_batching.preferred_batch_size)) == (4, [4])
    first, second = config.input
    assert (list(first.dims), list(second.dims), second.HasField("reshape")) == ([3], [1], True)
    assert not needs_description(config)


def test_what_is_given_is_kept() -> None:
    config = config_of_text('name: "m" max_batch_size: 1 input { name: "A" data_type: TYPE_INT32 dims: [ 7 ] }')
    complete_onnx(config, description((-1, 3)), 4)
    assert (config.max_batch_size, config.input[0].name, config.HasField("dynamic_batching")) == (1, "A", False)
    assert config.output[0].name == "Y0"


def test_a_model_that_cannot_batch_must_not_be_told_to() -> None:
    config = config_of_text('name: "m"')
    complete_onnx(config, description((2, 3)), 4)
    assert (config.max_batch_size, list(config.input[0].dims)) == (0, [2, 3])
    with pytest.raises(TensorError, match="autofill failed for model 'm'"):
        complete_onnx(config_of_text('name: "m" max_batch_size: 2'), description((2, 3)), 4)
    nameless = OnnxDescription([OnnxTensor("X", None, (1,))], [OnnxTensor("Y", INT32, (1,))])
    with pytest.raises(TensorError, match="unsupported datatype for tensor 'X'"):
        complete_onnx(config_of_text('name: "m"'), nameless, 4)


def test_a_python_model_completes_its_configuration_in_json() -> None:
    config = config_of_text('name: "m" backend: "python"')
    complete_python(config, {**json_of_config(config), "max_batch_size": 3})
    assert config.max_batch_size == 3
    with pytest.raises(TensorError, match="made no configuration"):
        complete_python(config, {"none": 3})
