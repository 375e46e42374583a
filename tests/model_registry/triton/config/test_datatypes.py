"""Data types of configurations."""

from handler.tensors.datatypes import BF16, BYTES
from model_registry.triton.config.config_forms import config_of_text
from model_registry.triton.config.datatypes import datatype_in


def test_names_of_configurations_are_those_of_tensors() -> None:
    config = config_of_text("input { data_type: TYPE_STRING } input { data_type: TYPE_BF16 } input { }")
    assert [datatype_in(config, tensor) for tensor in config.input] == [BYTES, BF16, None]
