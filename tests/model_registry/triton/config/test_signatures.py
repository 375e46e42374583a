from pathlib import Path

import pytest

from handler.tensors.errors import TensorError
from model_registry.triton.config.config_forms import config_of_text
from model_registry.triton.config.signatures import metadata_shape, signature_of

TEXT = """
name: "m" max_batch_size: 4
input { name: "X" data_type: TYPE_FP32 dims: [ -1, 2 ] reshape { shape: [ 2, -1 ] } optional: true }
output { name: "Y" data_type: TYPE_STRING dims: [ 2 ] label_filename: "labels.txt" }
"""


def test_a_configuration_says_names_types_and_shapes(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    config = config_of_text(TEXT)
    signature = signature_of(config, tmp_path)
    given, made = signature.inputs["X"], signature.outputs["Y"]
    assert (given.dims, given.reshape, given.optional) == ((-1, 2), (2, -1), True)
    assert (made.datatype.name, made.labels) == ("BYTES", ["cat", "dog"])
    assert metadata_shape(config, config.input[0]) == [-1, -1, 2]
    config.max_batch_size = 0
    assert metadata_shape(config, config.input[0]) == [-1, 2]


def test_labels_have_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(TensorError, match=r"failed to open text file for read .*labels.txt: No such file"):
        signature_of(config_of_text(TEXT), tmp_path)
