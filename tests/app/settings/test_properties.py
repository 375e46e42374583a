"""The properties format, checked against what Java's own reader makes of the same texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings.properties import Property, dump, parse

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def read(text: str) -> dict[str, str]:
    return {key: value for key, value, _ in parse(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key=value", {"key": "value"}),
        ("key = value ", {"key": "value "}),
        ("key:value", {"key": "value"}),
        ("key value", {"key": "value"}),
        ("key \t=\f: value", {"key": ": value"}),
        ("key", {"key": ""}),
        ("=value", {"": "value"}),
        ("a=1=2:3", {"a": "1=2:3"}),
        ("# no\n! no\n  # no\n\n \t\nyes=1", {"yes": "1"}),
        ("a=1 # part of the value", {"a": "1 # part of the value"}),
        ("a=1\r\nb=2\rc=3", {"a": "1", "b": "2", "c": "3"}),
        ("a=1\u2028b=2", {"a": "1\u2028b=2"}),
        ("a=1\na=2", {"a": "2"}),
        (r"inference_address=http\://127.0.0.1\:8080", {"inference_address": "http://127.0.0.1:8080"}),
        (r"a\ b\:c\=d=e", {"a b:c=d": "e"}),
        (r"a=\t\n\r\f\\\x", {"a": "\t\n\r\f\\x"}),
        (r"a=caf\u00e9 \uD83D\uDE00", {"a": "café \U0001f600"}),
        ("a=one,\\\n    two,\\\r\n\tthree\nb=2", {"a": "one,two,three", "b": "2"}),
        ("a=path\\\\\nb=2", {"a": "path\\", "b": "2"}),
        ("a=1\\", {"a": "1"}),
        ("\\\n# no\na=1", {"a": "1"}),
        ("# no \\\na=1", {"a": "1"}),
    ],
)
def test_reads_what_java_reads(text: str, expected: dict[str, str]) -> None:
    assert read(text) == expected


def test_a_property_knows_the_line_on_which_it_begins() -> None:
    assert list(parse("# first\na=1,\\\n  2\nb=3")) == [Property("a", "1,2", 2), Property("b", "3", 4)]


@pytest.mark.parametrize("text", [r"a=\u12", r"a=\u12g4", r"a\u=1"])
def test_a_malformed_escape_is_an_error_that_names_its_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"^line 2: \\u must be followed by four hexadecimal digits$"):
        list(parse("ok=1\n" + text))


def test_dump_writes_as_torchserve_writes_snapshots() -> None:
    values = {"inference_address": "http://127.0.0.1:8080", "a b": " x\n", "é": "#\U0001f600"}
    assert dump(values, "Saving snapshot") == (
        "#Saving snapshot\ninference_address=http\\://127.0.0.1\\:8080\na\\ b=\\ x\\n\n\\u00E9=\\#\\uD83D\\uDE00\n"
    )


@given(st.dictionaries(TEXTS, TEXTS, max_size=4))
def test_what_is_dumped_is_read_back(values: dict[str, str]) -> None:
    assert read(dump(values, "a comment")) == values
