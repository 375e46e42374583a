"""Java's properties format, in which TorchServe writes its configuration and its snapshots."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_BLANK = " \t\f"
_PAIR = re.compile(r"((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_LETTERS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_ESCAPED = {char: "\\" + letter for letter, char in _LETTERS.items()} | {char: "\\" + char for char in "\\=:#!"}


class Property(NamedTuple):
    """One key with its value, and the number of the line (from 1) on which it begins."""

    key: str
    value: str
    line: int


def parse(text: str) -> Iterator[Property]:
    """The properties of `text`, also keys given twice; a ValueError names the line of a malformed `\\uXXXX`."""
    for number, line in _logical_lines(text):
        pair = _PAIR.fullmatch(line)
        assert pair, "the pattern takes any line that does not end within an escape"
        try:
            yield Property(_unescape(pair[1]), _unescape(pair[2]), number)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None


def dump(values: Mapping[str, str], *comments: str) -> str:
    """`values` as a properties file in ASCII, after `comments`; `parse` gives them back unchanged."""
    lines = [f"#{comment}" for comment in comments]
    lines += [f"{_dump_key(key)}={_dump_value(value)}" for key, value in values.items()]
    return "".join(line + "\n" for line in lines)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments and empty ones; a backslash at the end joins the next line to its own."""
    numbered = enumerate(re.split(r"\r\n|\r|\n", text), 1)
    for number, natural in numbered:
        line = natural.lstrip(_BLANK)
        while _is_continued(line) and line[0] not in "#!":
            line = line[:-1] + next(numbered, (0, ""))[1].lstrip(_BLANK)
        if line and line[0] not in "#!":
            yield number, line


def _is_continued(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    plain = _ESCAPE.sub(_character, text)
    # Java writes what lies beyond 16 bits as two escapes, a surrogate pair.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(escape: re.Match[str]) -> str:
    if escape[1]:
        return chr(int(escape[1], 16))
    if escape[2] == "u":
        raise ValueError(r"\u must be followed by four hexadecimal digits")
    return _LETTERS.get(escape[2], escape[2])


def _escape(text: str) -> str:
    return "".join(_ESCAPED.get(char) or (char if " " <= char <= "~" else _unicode(char)) for char in text)


def _unicode(char: str) -> str:
    units = char.encode("utf-16-be").hex().upper()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _dump_key(key: str) -> str:
    return _escape(key).replace(" ", "\\ ")


def _dump_value(value: str) -> str:
    escaped = _escape(value)
    return "\\" + escaped if escaped.startswith(" ") else escaped
