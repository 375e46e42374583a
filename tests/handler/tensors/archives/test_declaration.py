from typing import Any

import pytest

from handler.tensors.archives.declaration import DeclaredTensor, parse_tensors

X = {"name": "x", "datatype": "FP32", "shape": [-1, 4]}


def test_tensors_are_declared() -> None:
    declared = parse_tensors({"inputs": [X], "outputs": [{**X, "name": "y", "shape": [-1]}]})
    assert declared != "auto"
    assert declared.inputs == (DeclaredTensor("x", "FP32", (-1, 4)),)
    assert declared.is_batched
    fixed = parse_tensors({"inputs": [X], "outputs": [{**X, "shape": [3]}]})
    assert fixed != "auto"
    assert not fixed.is_batched
    assert parse_tensors("auto") == "auto"


@pytest.mark.parametrize(
    "value",
    [None, [], {}, {"inputs": [X]}, {"inputs": [], "outputs": [X]}, {"inputs": [X, X], "outputs": [X]},
     {"inputs": [{**X, "datatype": "float"}], "outputs": [X]}, {"inputs": [{**X, "shape": [0]}], "outputs": [X]},
     {"inputs": [{**X, "shape": [True]}], "outputs": [X]}, {"inputs": [{**X, "dims": []}], "outputs": [X]}],
)  # fmt: skip
def test_other_forms_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="inputs and outputs"):
        parse_tensors(value)
