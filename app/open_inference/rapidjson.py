"""The words of RapidJSON for a body that is not JSON, with the offset at which it stops reading."""

import re
from math import isinf

BLANKS = b" \t\r\n"
NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)")
DIGITS = re.compile(rb"[0-9]+")
ESCAPES = b'"\\/bfnrtu'
HEX_DIGITS = 4
LITERALS = (b"true", b"false", b"null", b"NaN", b"Infinity", b"Inf", b"-Infinity", b"-Inf")
MAX_DEPTH = 100
"""Levels of nesting beyond which nothing is said about a text that is no JSON."""


class _Failed(Exception):
    def __init__(self, words: str, at: int) -> None:
        super().__init__(words)
        self.words, self.at = words, at


def describe_error(body: bytes) -> str:
    """The reason why a body is no JSON, in the form "Invalid value. at 12"."""
    try:
        _Reader(body).read()
    except _Failed as failed:
        return f"{failed.words} at {failed.at}"
    return "Invalid encoding in string. at 0"


class _Reader:
    """Goes through a text as RapidJSON does, and stops where that would."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def read(self) -> None:
        self._skip()
        if self._peek() == b"":
            raise _Failed("The document is empty.", self._at)
        self._value(0)
        self._skip()
        if self._peek() != b"":
            raise _Failed("The document root must not be followed by other values.", self._at)

    def _peek(self) -> bytes:
        return self._body[self._at : self._at + 1]

    def _skip(self) -> None:
        while self._peek() and self._peek() in BLANKS:
            self._at += 1

    def _value(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _Failed("Terminate parsing due to Handler error.", self._at)
        match self._peek():
            case b"{":
                self._object(depth)
            case b"[":
                self._array(depth)
            case b'"':
                self._string()
            case _:
                self._literal_or_number()

    def _object(self, depth: int) -> None:
        self._at += 1
        self._skip()
        if self._peek() == b"}":
            self._at += 1
            return
        while True:
            if self._peek() != b'"':
                raise _Failed("Missing a name for object member.", self._at)
            self._string()
            self._skip()
            if self._peek() != b":":
                raise _Failed("Missing a colon after a name of object member.", self._at)
            self._at += 1
            if not self._goes_on(depth, b"}", "Missing a comma or '}' after an object member."):
                return

    def _array(self, depth: int) -> None:
        self._at += 1
        self._skip()
        if self._peek() == b"]":
            self._at += 1
            return
        while self._goes_on(depth, b"]", "Missing a comma or ']' after an array element."):
            pass

    def _goes_on(self, depth: int, end: bytes, words: str) -> bool:
        """Read an element and what follows it; whether that is a comma."""
        self._skip()
        self._value(depth + 1)
        self._skip()
        following = self._peek()
        if following not in (b",", end) or following == b"":
            raise _Failed(words, self._at)
        self._at += 1
        self._skip()
        return following == b","

    def _string(self) -> None:
        self._at += 1
        while (sign := self._peek()) != b'"':
            if sign == b"":
                raise _Failed("Missing a closing quotation mark in string.", self._at)
            if sign < b" ":
                raise _Failed("Invalid escape character in string.", self._at)
            if sign == b"\\":
                self._escape()
            self._at += 1
        self._at += 1

    def _escape(self) -> None:
        start = self._at
        self._at += 1
        sign = self._peek()
        if sign == b"" or sign not in ESCAPES:
            raise _Failed("Invalid escape character in string.", start)
        if sign == b"u":
            digits = self._body[self._at + 1 : self._at + 1 + HEX_DIGITS]
            if not re.fullmatch(rb"[0-9A-Fa-f]{4}", digits):
                raise _Failed("Incorrect hex digit after \\u escape in string.", start)
            self._at += HEX_DIGITS

    def _literal_or_number(self) -> None:
        for literal in LITERALS:
            if self._body.startswith(literal, self._at):
                self._at += len(literal)
                return
        number = NUMBER.match(self._body, self._at)
        if number is None:
            raise _Failed("Invalid value.", self._literal_end())
        start, self._at = self._at, number.end()
        if self._peek() == b".":
            self._digits(1, "Miss fraction part in number.")
        if self._peek() in (b"e", b"E"):
            signed = self._body[self._at + 1 : self._at + 2] in (b"+", b"-")
            self._digits(1 + signed, "Miss exponent in number.")
        if isinf(float(self._body[start : self._at])):
            raise _Failed("Number too big to be stored in double.", start)

    def _literal_end(self) -> int:
        """The length of the part of a broken literal that is one."""
        longest = 0
        for literal in LITERALS:
            length = 0
            while literal[length : length + 1] == self._body[self._at + length : self._at + length + 1] != b"":
                length += 1
            longest = max(longest, length)
        return self._at + longest

    def _digits(self, skipped: int, words: str) -> None:
        self._at += skipped
        digits = DIGITS.match(self._body, self._at)
        if digits is None:
            raise _Failed(words, self._at)
        self._at = digits.end()
