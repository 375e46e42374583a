"""The quick encoder against the standard library's."""

import json
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.payload.json_indent import dumps, dumps_unicode


class Colour(IntEnum):
    RED = 1


class Text(str):
    __slots__ = ()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.lists(st.floats())
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.none() | st.floats(), inner)
    ),
    max_leaves=20,
)


def unicode_text(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "replace")


@given(VALUES)
def test_it_writes_what_the_standard_library_writes(value: Any) -> None:
    assert dumps(value).decode() == json.dumps(value, indent=2)
    assert dumps_unicode(value) == unicode_text(value)


@pytest.mark.parametrize(
    "value",
    [[1.0, float("nan")], [float("inf")], {"a": [1e-7, 1e16, -0.0]}, [True, 1], [Colour.RED], {"c": Colour.RED},
     Text("x"), {Text("k"): 1}, [[], {}, ()], {"nested": {"deep": [[1, 2], ["é\u2028"]]}}, 10**400],
)  # fmt: skip
def test_odd_values_are_no_exception(value: Any) -> None:
    assert dumps(value).decode() == json.dumps(value, indent=2)
    assert dumps_unicode(value) == unicode_text(value)


EDGES = [
    1e15, 1e16, 9999999999999998.0, 123456789012345680.0, 1e17, 1e22, 1e23, 1e-3, 1e-4, 9.999e-5, 1e-5, 1e-6, 1e-7,
    0.00012345, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 0.0,
]  # fmt: skip


@pytest.mark.parametrize("value", [sign * value for value in EDGES for sign in (1, -1)])
def test_floats_at_the_edges_are_written_alike(value: float) -> None:
    for document in (value, [value], {"a": value}, [value, 1, "x"], [[value] * 3, [1]]):
        assert dumps(document).decode() == json.dumps(document, indent=2)
        assert dumps_unicode(document) == unicode_text(document)


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "\x7f",
        "e-1",
        "1e-1",
        "e16",
        "e308",
        "0.0000",
        "0.00001",
        "é",
        "☃",
        "\U0001f600",
        "\ud800",
        "".join(map(chr, range(127))),
    ],
)
def test_texts_that_look_like_odd_numbers_are_written_alike(text: str) -> None:
    for document in (text, [text, 1.5], {text: text}, {"a": [text, None, 1e-7]}):
        assert dumps(document).decode() == json.dumps(document, indent=2)
        assert dumps_unicode(document) == unicode_text(document)


@pytest.mark.parametrize("value", [{1, 2}, object(), {"a": {(): 1}}, [b"bytes"], [1.5, {"x": 1j}]])
def test_what_json_cannot_say_raises_the_same(value: Any) -> None:
    with pytest.raises(TypeError) as ours:
        dumps(value)
    with pytest.raises(TypeError) as theirs:
        json.dumps(value, indent=2)
    assert str(ours.value) == str(theirs.value)


def test_a_value_that_holds_itself_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises((ValueError, RecursionError)):
        dumps(circle)
