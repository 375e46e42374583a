"""The rows that handlers get, by the recorded rules of TorchServe."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.job import Input, Part
from handler.payload.request_rows import FoldedHeaders, decode_part, make_headers, make_row, parse_json


def body(content_type: str, value: bytes) -> object:
    return decode_part(Part("body", content_type, value))


def test_json_is_parsed_by_its_exact_type_only() -> None:
    assert body("application/json", b'{"a": 1}') == {"a": 1}
    assert body("Application/JSON", b'{"a": 1}') == bytearray(b'{"a": 1}')
    assert body("application/vnd.api+json", b"1") == bytearray(b"1")
    assert body("", b"1") == bytearray(b"1")


@pytest.mark.parametrize("broken", [b"", b"{not json", b"\xef\xbb\xbf{}", b'"\xff"', b'"\x00\x01"', b"[" * 100_000])
def test_what_is_not_json_stays_a_bytearray(broken: bytes) -> None:
    assert body("application/json", broken) == bytearray(broken)
    assert isinstance(body("application/json", broken), bytearray)


def test_text_is_decoded_as_utf_8_whatever_its_charset() -> None:
    assert body("text/csv", "é,☃".encode()) == "é,☃"
    assert body("text/plain", b"\xff") == bytearray(b"\xff")


def test_other_bytes_are_a_bytearray_of_their_own() -> None:
    value = body("image/jpeg", b"\xff\xd8")
    assert value == bytearray(b"\xff\xd8")
    assert isinstance(value, bytearray)


NUMBERS = "0.5," * 200
"""So many that the document goes to the quick parser, which is not Python's in all it takes."""


@pytest.mark.parametrize("before", ["", NUMBERS])
@pytest.mark.parametrize(
    "text",
    [
        "NaN", "[Infinity, -Infinity]", "123456789012345678901234567890", "-12345678901234567890", '"\\ud800"', "1e400",
        "[18446744073709551616]", '{"a":-9223372036854775809}', "9223372036854775808", "1234567890123456789012e3",
        "0.000123456789012345678901234567890",
    ],
)  # fmt: skip
def test_json_of_any_kind_means_what_it_means_to_python(text: str, before: str) -> None:
    for document in (f"[{before}{text}]", f"[{before}{text}, 1]"):
        assert repr(parse_json(document.encode())) == repr(json.loads(document))


def test_the_last_of_doubled_keys_wins_for_the_quick_parser_too() -> None:
    assert parse_json(f'{{"pad": [{NUMBERS}1], "a": 1, "a": 2}}'.encode())["a"] == 2


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists))
def test_long_documents_are_parsed_as_the_standard_library_does(value: object) -> None:
    text = json.dumps([*[1] * 200, value])
    found = parse_json(text.encode())
    assert repr(found) == repr(json.loads(text))


def outcome(parse: Callable[[Any], object], value: bytes | bytearray) -> tuple[str, str]:
    """The result of a parser, or the kind and the words of its error."""
    try:
        return "found", repr(parse(value))
    except (ValueError, RecursionError) as error:
        return type(error).__name__, str(error)


def alike(value: bytes) -> None:
    expected = outcome(lambda text: json.loads(text.decode()), value)
    assert outcome(parse_json, value) == outcome(parse_json, bytearray(value)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\n\t\r ", " 1", "1 ", "\n[1, 2]\t\r\n", ' {"a": 1} ', "1 2", "[1]]", "[1] x", "{}{}", "nullx",
        "\ufeff[1]", "\xa01", "1\xa0", "\x0b1", "1\x00", "NaN", "-Infinity", " NaN ", "nan", "[NaN, 1e400]", "9" * 25,
        "-" + "9" * 25, "18446744073709551616", "9223372036854775808 ", "[" * 50 + "]" * 50, "[" * 50,
        '{"a": ' * 50 + "1" + "}" * 50, "-", "-0", "01", "1.", ".5", "+1", "1e", "1E5", "0x1", "tru", "None", "'a'",
        '"', '"\\', '"\\x"', '"\t"', '"\\ud800"', '"\\ud83d\\ude00"', "[1,]", '{"a": 1,}', "{1: 2}", '{"a"}',
        '{"a": 1, "a": 2}', "// 1", "\u2028[1]",
    ],
)  # fmt: skip
def test_short_documents_mean_what_they_mean_to_python(text: str) -> None:
    for value in (
        text,
        f"[{text}]",
        f"{text}, {NUMBERS}",
        f"[{NUMBERS}{text}]",
        f" [{NUMBERS}{text}] ",
        f"[{NUMBERS}1]{text}",
    ):
        alike(value.encode())


@pytest.mark.parametrize(
    "value", [b"\xff", b"[1, \xff]", b"\xef\xbb\xbf1", '"é'.encode()[:-1], b'"\xed\xa0\x80"', b"1\xc3"]
)
def test_what_is_not_utf_8_is_refused_as_python_refuses_it(value: bytes) -> None:
    for before in (b"", b"[" + NUMBERS.encode()):
        alike(before + value)


SIGNS = st.sampled_from(
    ["[", "]", "{", "}", ",", ":", '"', "\\", "u00e9", "-", "0", "1", "12345678901234567890", ".5", "e", "E+3", " ",
     "\n", "null", "true", "NaN", "Infinity", '"a"', '"a": ', "é", "\ufeff", "\x00", "\xa0"]
)  # fmt: skip


@given(
    st.lists(SIGNS, max_size=12).map("".join),
    st.sampled_from(["", "[" + NUMBERS]),
    st.sampled_from(["", "]", "1]"]),
)
def test_nonsense_is_refused_with_pythons_words(text: str, before: str, after: str) -> None:
    alike(f"{before}{text}{after}".encode())


def test_without_decoding_json_and_text_stay_bytes() -> None:
    request = Input((Part("body", "application/json", b"{}"), Part("note", "text/plain", b"x")))
    assert make_row(request, decode=False) == {"body": bytearray(b"{}"), "note": bytearray(b"x")}


def test_of_parts_with_one_name_the_last_wins() -> None:
    request = Input((Part("data", "text/plain", b"first"), Part("data", "text/plain", b"second")))
    assert make_row(request) == {"data": "second"}


def test_headers_begin_with_the_types_of_the_parts_and_keep_the_clients_spelling() -> None:
    parts = (Part("body", "application/json", b"{}"),)
    headers = make_headers(Input(parts, (("X-One", "1"), ("X-One", "2"), ("explain", "False"))))
    assert list(headers.items()) == [
        ("body", {"content-type": "application/json"}),
        ("X-One", "2"),
        ("explain", "False"),
    ]
    assert headers.get("x-one") is None


def test_where_a_server_folded_the_names_any_spelling_finds_them() -> None:
    headers = make_headers(Input((), (("x-api-key", "k"),), case_preserved=False))
    assert headers["X-API-Key"] == headers.get("x-api-KEY") == "k"
    assert "X-Api-Key" in headers
    assert list(headers) == ["x-api-key"]
    assert headers.get("missing", "default") == "default"
    with pytest.raises(KeyError):
        headers["missing"]
    assert isinstance(headers, FoldedHeaders)


def test_floats_survive_exactly() -> None:
    values = [math.pi, 1e-320, 1.7976931348623157e308, 0.1, -0.0] * 100
    assert parse_json(json.dumps(values).encode()) == values
