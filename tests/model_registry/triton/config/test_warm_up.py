from pathlib import Path

import numpy as np
import pytest

from handler.tensors.errors import TensorError
from model_registry.triton.config.config_forms import config_of_text
from model_registry.triton.config.signatures import signature_of
from model_registry.triton.config.warm_up import warm_up_requests

MODEL = 'name: "m" max_batch_size: 4 input { name: "X" data_type: TYPE_FP32 dims: [ 2 ] }'
SAMPLE = 'model_warmup {{ name: "w" batch_size: 2 count: 3 inputs {{ key: "X" value {{ {} }} }} }}'


def requests(folder: Path, value: str) -> list[np.ndarray]:  # type: ignore[type-arg]
    """The arrays of the requests that a sample makes."""
    config = config_of_text(MODEL + SAMPLE.format(value))
    found = warm_up_requests(config, folder, signature_of(config, folder))
    return [request.inputs[0].array for request in found]


def test_each_sample_is_run_as_often_as_it_says(tmp_path: Path) -> None:
    arrays = requests(tmp_path, "data_type: TYPE_FP32 dims: [ 2 ] zero_data: true")
    assert [array.tolist() for array in arrays] == [[[0, 0]]] * 6


def test_data_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "warmup").mkdir()
    (tmp_path / "warmup" / "x").write_bytes(np.float32([3, 4]).tobytes())
    value = 'data_type: TYPE_FP32 dims: [ 2 ] input_data_file: "x"'
    assert requests(tmp_path, value)[0].tolist() == [[3, 4]]


@pytest.mark.parametrize(("value", "words"), [
    ('data_type: TYPE_FP32 dims: [ 2 ] input_data_file: "none"', "failed to open text file"),
    ("data_type: TYPE_FP32 dims: [ -1 ] zero_data: true", "fixed dims for 'X'"),
    ("data_type: TYPE_FP32 dims: [ 3 ] zero_data: true", "unexpected shape"),
    ("data_type: TYPE_INT32 dims: [ 2 ] random_data: true", "data-type is 'INT32'"),
])  # fmt: skip
def test_wrong_samples_fail_the_load(tmp_path: Path, value: str, words: str) -> None:
    with pytest.raises(TensorError, match=words):
        requests(tmp_path, value)
