"""Parameters of inference requests."""

from typing import Any

import pytest

from app.open_inference.infer_parameters import InferParameters
from handler.tensors.errors import TensorError


def test_the_servers_own_do_not_reach_the_model() -> None:
    given = {
        "sequence_id": 5,
        "sequence_start": True,
        "priority": 2,
        "timeout": 9,
        "binary_data_output": True,
        "k": "v",
    }
    parameters = InferParameters.of_body({"parameters": given})
    assert parameters.sequence == (5, True, False)
    assert (parameters.priority, parameters.timeout, parameters.is_binary) == (2, 9, True)
    assert parameters.own == {"k": "v"}
    assert given["k"] == "v"


@pytest.mark.parametrize(("given", "words"), [
    ([], "failed to get request params.: attempt to get members for non-object"),
    ({"timeout": "soon"}, "Unable to parse 'timeout': attempt to access JSON non-unsigned-integer as unsigned-integer"),
    ({"sequence_end": 1}, "Unable to parse 'sequence_end': attempt to access JSON non-boolean as boolean"),
    ({"sequence_id": 1.5}, "Unable to parse 'sequence_id': attempt to access JSON non-string as string"),
    ({"sequence_id": "x" * 129}, "string correlation ID cannot be longer than 128 characters"),
    ({"triton_x": 1}, "parameter keys starting with 'triton_' are reserved"),
    ({"deep": {}}, "parameter 'deep' has invalid type. It should be either 'int', 'bool', or 'string'."),
])  # fmt: skip
def test_parameters_have_kinds(given: Any, words: str) -> None:
    with pytest.raises(TensorError) as caught:
        InferParameters.of_body({"parameters": given})
    assert words in caught.value.message
