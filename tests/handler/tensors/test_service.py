"""Loaded instances: batches in, outcomes out, and counted."""

from pathlib import Path

import numpy as np
import pytest

from handler.tensors.errors import TensorError
from handler.tensors.requests import TensorResponse
from handler.tensors.statistics import Failure
from tests.support.tensor_models import (
    FP32,
    jobs,
    loaded,
    request,
    signature,
    spec_of,
    write_add_sub,
    write_python_model,
)

PAIR = signature({"A": (FP32, [4]), "B": (FP32, [4])}, {"SUM": (FP32, [4]), "DIFFERENCE": (FP32, [4])}, 8)
SUM = """
class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            a, b = (pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in "AB")
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("SUM", a + b)]))
        return responses
"""


def ones(rows: int) -> np.ndarray:
    return np.ones((rows, 4), np.float32)


def sums(outcomes: list[object]) -> list[list[int]]:
    return [outcome.outputs[0].array.tolist() for outcome in outcomes if isinstance(outcome, TensorResponse)]


@pytest.mark.parametrize("backend", ["python", "onnxruntime"])
def test_a_batch_is_answered_and_counted(tmp_path: Path, backend: str) -> None:
    write_add_sub(tmp_path / "1" / "model.onnx")
    write_python_model(tmp_path, SUM)
    file = {"python": "model.py", "onnxruntime": "model.onnx"}[backend]
    spec = spec_of(tmp_path, PAIR, backend=backend, file=file)
    service = loaded(spec)
    batch = jobs(request(PAIR, A=ones(1), B=ones(1)), request(PAIR, A=ones(2), B=2 * ones(2)))
    assert sums(service.predict(batch, print)) == [[[2] * 4], [[3] * 4] * 2]
    assert (spec.statistics.inference_count, spec.statistics.execution_count) == (3, 1)
    assert spec.statistics.compute.compute_infer.nanoseconds > 0
    service.close()


def test_an_error_of_the_batch_is_that_of_each_request(tmp_path: Path) -> None:
    write_python_model(tmp_path, SUM)
    spec = spec_of(tmp_path, PAIR)
    good = request(PAIR, A=ones(1), B=ones(1))
    outcomes = loaded(spec).predict(jobs(good, good._replace(inputs=good.inputs[:1])), print)
    assert outcomes[0] is outcomes[1]
    assert isinstance(outcomes[0], TensorError)
    assert spec.statistics.failures[Failure.BACKEND] == 2
    assert (spec.statistics.execution_count, spec.statistics.inference_count) == (1, 0)


def test_warm_up_requests_are_served_first_and_counted(tmp_path: Path) -> None:
    write_python_model(tmp_path, SUM)
    spec = spec_of(tmp_path, PAIR, warm_up=[request(PAIR, A=ones(2), B=ones(2))] * 2)
    loaded(spec)
    assert spec.statistics.inference_count == 4


def test_a_model_that_fails_at_its_warm_up_is_not_served(tmp_path: Path) -> None:
    write_python_model(tmp_path, "class TritonPythonModel:\n    def execute(self, requests): raise ValueError('cold')")
    with pytest.raises(TensorError, match="failed to run warm-up request"):
        loaded(spec_of(tmp_path, PAIR, warm_up=[request(PAIR, A=ones(1), B=ones(1))]))


def test_a_model_without_its_file_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    for backend, file in (("python", "model.py"), ("onnxruntime", "model.onnx"), ("pytorch", "model.pt")):
        with pytest.raises(TensorError, match=file):
            loaded(spec_of(tmp_path, PAIR, backend=backend, file=file))


def test_a_request_that_has_waited_too_long_is_not_served(tmp_path: Path) -> None:
    write_python_model(tmp_path, SUM)
    spec = spec_of(tmp_path, PAIR)
    batch = jobs(*[request(PAIR, A=ones(1), B=ones(1))] * 2)
    batch[0].expired = True
    refused, answered = loaded(spec).predict(batch, print)
    assert isinstance(refused, TensorError)
    assert refused.message == "Request timeout expired"
    assert sums([answered]) == [[[2] * 4]]
    assert spec.statistics.failures[Failure.REJECTED] == 1
    assert spec.statistics.inference_count == 1
