"""JSON is read as Gson reads it; each expectation was asked of Gson 2.10, as TorchServe 0.12 uses it."""

import json
from typing import Any

import pytest

from model_registry.parsing.lenient_json import MAX_DEPTH, MAX_LENIENT_CHARACTERS, loads


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": [1, 2.5, true, null, "b"]}', {"a": [1, 2.5, True, None, "b"]}),
        ("{'a':'b'}", {"a": "b"}),
        ("{a-b.c:d-e.f}", {"a-b.c": "d-e.f"}),
        ("{1:2,true:false}", {"1": 2, "true": False}),
        ("{a:True,b:FALSE,c:nULL}", {"a": True, "b": False, "c": None}),
        ("{a:tru,b:true1}", {"a": "tru", "b": "true1"}),
        ("{a=1;b=>2}", {"a": 1, "b": 2}),
        ("[1,]", [1, None]),
        ("[,]", [None, None]),
        ("[1;;2]", [1, None, 2]),
        ("[ ]", []),
        ("{a:1//x\n,b:2#y\n,/*z*/c:3}", {"a": 1, "b": 2, "c": 3}),
        ("# x\n{a:1}", {"a": 1}),
        ("{a:01,b:1.,c:.5,d:+1}", {"a": "01", "b": "1.", "c": ".5", "d": "+1"}),
        ("{a:-0,b:1e5,c:12345678901234567890}", {"a": 0, "b": 1e5, "c": 12345678901234567890}),
        ("{a:NaN,b:-Infinity}", {"a": "NaN", "b": "-Infinity"}),
        ('{"a":NaN}', {"a": "NaN"}),
        (r"{a:'it\'s',b:'\/'}", {"a": "it's", "b": "/"}),
        ("{a:b'c}", {"a": "b'c"}),
        ('{"a":"x\ty\n"}', {"a": "x\ty\n"}),
        ("{a:'\\\n\\t\\u00e9'}", {"a": "\n\té"}),
        (r"{a:'\ud83d\ude00'}", {"a": "\U0001f600"}),
        ("{a:1,a:2}", {"a": 2}),
        ("{'':1}", {"": 1}),
        ("\ufeff{a:1}", {"a": 1}),
        ("", None),
        ("# x", None),
        ("a", "a"),
    ],
)
def test_it_reads_as_gson_does(text: str, expected: Any) -> None:
    assert loads(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a":1,}', "expected a name at line 1, column 8"),
        ("{a:1;}", "expected a name at line 1, column 6"),
        ("{,a:1}", "expected a name at line 1, column 2"),
        ("{:1}", "expected a name at line 1, column 2"),
        ("{a:}", "expected a value at line 1, column 4"),
        ("{a:\n ,b:1}", "expected a value at line 2, column 2"),
        ("{a 1}", "expected ':' at line 1, column 4"),
        ("{a:b c}", "expected ',' or '}' at line 1, column 6"),
        ("[1 2]", "expected ',' or ']' at line 1, column 4"),
        ("{a:http://x}", "expected ',' or '}' at line 1, column 8"),
        ("{a:'b", "expected the end of this string at line 1, column 4"),
        (r"{a:'\q'}", r"expected another escape than \q in this string at line 1, column 4"),
        (r"{a:'\u00g9'}", r"expected another escape than \u in this string at line 1, column 4"),
        ("a b", "expected the end at line 1, column 3"),
        ("{} x", "expected the end at line 1, column 4"),
        ("/* x", "expected a value at line 1, column 1"),
        ("[", "expected a value at line 1, column 2"),
    ],
)
def test_it_refuses_what_gson_refuses(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^expected") as refused:
        loads(text)
    assert str(refused.value).startswith(message)


def test_numbers_may_be_kept_as_they_are_written() -> None:
    for text in ('{"a": 1.10, "b": -7}', "{a: 1.10, b: -7}"):
        assert loads(text, number=str) == {"a": "1.10", "b": "-7"}


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '["\\ud83d\\ud83d"]'])
def test_half_of_a_surrogate_pair_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="half of a surrogate pair"):
        loads(text)
    assert loads('"\\ud83d\\udca9 \\\\ud800"') == "\U0001f4a9 \\ud800"


def test_depth_and_length_have_limits() -> None:
    assert loads("[" * MAX_DEPTH + "a" + "]" * MAX_DEPTH) == json.loads("[" * MAX_DEPTH + '"a"' + "]" * MAX_DEPTH)
    for text in ("[" * (MAX_DEPTH + 1) + "a", "[" * 200_000):
        with pytest.raises(ValueError, match="more than 100 levels"):
            loads(text)
    with pytest.raises(ValueError, match="Expecting value"):
        loads("[" + "a," * MAX_LENIENT_CHARACTERS)
