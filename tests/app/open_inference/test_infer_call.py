import re

import pytest

from app.open_inference.infer_call import forwarded_headers, header_length
from handler.tensors.errors import TensorError


def test_length_of_the_json_is_checked() -> None:
    assert (header_length(None, 10), header_length("4", 10), header_length("x", 10)) == (None, 4, 0)
    for wrong in ("11", "-1"):
        with pytest.raises(TensorError, match="inference header size should be in range"):
            header_length(wrong, 10)


def test_matching_headers_become_parameters() -> None:
    lines = [("x-name", "a"), ("host", "b")]
    assert forwarded_headers(lines, re.compile("x-.*")) == {"x-name": "a"}
    assert forwarded_headers(lines, None) == {}
