"""Results of handlers, as clients get them."""

import io
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch

from handler.errors import BadOutput
from handler.payload.results import checked_results, encode


@pytest.mark.parametrize("results", [{"a": 1}, "text", None, ("a",), (item for item in "a"), np.zeros(1)])
def test_what_is_no_list_is_refused(results: Any) -> None:
    with pytest.raises(BadOutput, match="Invalid model predict output") as error:
        checked_results(results, 1)
    returned = f"it returned a {type(results).__name__}."
    assert error.value.cause == f"handle must return a list of answers, one for each row; {returned}"


@pytest.mark.parametrize("results", [[], ["a", "b"]])
def test_a_list_of_another_length_is_refused(results: list[str]) -> None:
    with pytest.raises(BadOutput, match="number of batch response mismatched") as error:
        checked_results(results, 1)
    assert error.value.cause == f"handle must return one answer for each row; for 1 it returned {len(results)}."


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("héllo", "héllo".encode()),
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"raw"), b"raw"),
        (None, b"null"),
        (True, b"true"),
        (7, b"7"),
        (12345678901234567890, b"12345678901234567890"),
        (1e-07, b"1e-07"),
        (float("nan"), b"NaN"),
        (float("-inf"), b"-Infinity"),
        ({}, b"{}"),
        ([], b"[]"),
        ((1, "x"), b'[\n  1,\n  "x"\n]'),
        ({1: "one", None: 2}, b'{\n  "1": "one",\n  "null": 2\n}'),
        ({"k": "h\u00e9"}, b'{\n  "k": "h\\u00e9"\n}'),
        (
            OrderedDict(b=1, a=[1.5, {"c": None}]),
            b'{\n  "b": 1,\n  "a": [\n    1.5,\n    {\n      "c": null\n    }\n  ]\n}',
        ),
    ],
)
def test_values_are_encoded_as_torchserve_does(value: Any, encoded: bytes) -> None:
    assert encode(value) == encoded


def test_a_tensor_is_sent_as_torch_saves_it() -> None:
    tensor = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(torch.load(io.BytesIO(encode(tensor))), tensor)


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize("value", [{1, 2}, object(), np.zeros(2), np.float32(1), {"t": torch.zeros(2)}, CIRCLE])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(BadOutput, match="Unsupported model output data type"):
        encode(value)
