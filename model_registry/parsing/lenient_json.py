"""JSON as TorchServe's library (Gson) reads it: leniently.

Single quotes and no quotes, `True` and `NULL`, `=` for `:`, `;` for `,`, comments after `//` and `#` and in `/* */`,
and commas without an element in lists, which stand for null. A comma before `}` is an error there, and here.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

from model_registry.files.documents import (
    MAX_DEPTH,
    MAX_NUMBER_CHARACTERS,
    BeyondLimits,
    check_json_depth,
    check_surrogates,
)

MAX_LENIENT_CHARACTERS = 1 << 18
"""Longer documents have to be JSON as the standard has it: this reader takes a microsecond for each character."""
Number = Callable[[str], Any]
"""Makes a value of the text of a number."""

_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|#[^\n]*|/\*(?s:.*?)\*/)*")
_WORD = re.compile(r"[^/\\;#={}\[\]:, \t\f\r\n]+")
_STRING = re.compile(r"""'((?:[^'\\]|\\(?s:.))*)'|"((?:[^"\\]|\\(?s:.))*)\"""", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|(?s:.))")
_ESCAPED = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", **{char: char for char in "\n'\"\\/"}}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_KEYWORDS = {"true": True, "false": False, "null": None}


def loads(text: str, number: Number | None = None) -> Any:
    """The value of a document; an empty one is None, and NaN and Infinity are strings.

    `number` makes the numbers, int and float without it. Raises ValueError, which names line and column.
    """
    check_json_depth(text)
    try:
        value = json.loads(text, parse_int=number, parse_float=number, parse_constant=str)
    except ValueError as error:
        if len(text) > MAX_LENIENT_CHARACTERS:
            raise ValueError(str(error)) from None
        value = _Reader(text, number or _number).document()
    check_surrogates(text, value)
    return value


def _number(text: str) -> int | float:
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise BeyondLimits(f"a number has more than {MAX_NUMBER_CHARACTERS} characters")
    return int(text) if text.lstrip("-").isdecimal() else float(text)


class _Reader:
    """Reads one document from its text, by recursive descent."""

    def __init__(self, text: str, number: Number) -> None:
        self._text = text.removeprefix("\ufeff")
        self._number = number
        self._position = 0
        self._depth = 0

    def document(self) -> Any:
        if not self._peek():
            return None
        value = self._value()
        if self._peek():
            self._fail("the end")
        return value

    def _peek(self) -> str:
        """The next character that is neither space nor in a comment, "" at the end."""
        match = _SPACE.match(self._text, self._position)
        assert match is not None
        self._position = match.end()
        return self._text[self._position : self._position + 1]

    def _take(self, characters: str) -> bool:
        """Pass over the next character if it is one of these."""
        found = self._peek()
        self._position += bool(found) and found in characters
        return bool(found) and found in characters

    def _value(self) -> Any:
        if self._take("{"):
            return self._nested(self._object)
        if self._take("["):
            return self._nested(self._array)
        if self._peek() in ("'", '"'):
            return self._string()
        word = self._word("a value")
        if word.lower() in _KEYWORDS:
            return _KEYWORDS[word.lower()]
        return self._number(word) if _NUMBER.fullmatch(word) else word

    def _nested(self, read: Callable[[], Any]) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(f"no more than {MAX_DEPTH} levels")
        value = read()
        self._depth -= 1
        return value

    def _object(self) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while members or not self._take("}"):
            name = self._string() if self._peek() in ("'", '"') else self._word("a name")
            if self._take("="):
                self._position += self._text.startswith(">", self._position)
            elif not self._take(":"):
                self._fail("':'")
            members[name] = self._value()
            if self._take("}"):
                break
            if not self._take(",;"):
                self._fail("',' or '}'")
        return members

    def _array(self) -> list[Any]:
        if self._take("]"):
            return []
        items: list[Any] = []
        while True:
            items.append(None if self._peek() in (",", ";", "]") else self._value())
            if self._take("]"):
                return items
            if not self._take(",;"):
                self._fail("',' or ']'")

    def _word(self, expected: str) -> str:
        self._peek()
        match = _WORD.match(self._text, self._position)
        if match is None:
            self._fail(expected)
        self._position = match.end()
        return match[0]

    def _string(self) -> str:
        match = _STRING.match(self._text, self._position)
        if match is None:
            self._fail("the end of this string")
        text = _ESCAPE.sub(self._character, match[1] if match[2] is None else match[2])
        self._position = match.end()
        # Two escapes may be the halves of one character.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if "\\" in match[0] else text

    def _character(self, escape: re.Match[str]) -> str:
        if len(escape[1]) > 1:
            return chr(int(escape[1][1:], 16))
        if escape[1] not in _ESCAPED:
            self._fail(f"another escape than {escape[0]} in this string")
        return _ESCAPED[escape[1]]

    def _fail(self, expected: str) -> NoReturn:
        line = self._text.count("\n", 0, self._position) + 1
        column = self._position - self._text.rfind("\n", 0, self._position)
        raise ValueError(f"expected {expected} at line {line}, column {column}")
