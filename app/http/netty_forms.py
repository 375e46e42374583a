"""Forms as TorchServe reads them: fields of an URL-encoded body, fields and files of a multipart one."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote_to_bytes

from app.errors import BadForm, BadRequest
from handler.job import Part

FIELD = re.compile(rb"([^=&]*)(=[^&\r\n]*)?(&|\r?\n|\r|\Z)")
"""A field's name, its value after an equals sign, and its end: the end of a line ends the whole form."""
ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
"""A percent sign that begins no escape."""
HEADER_VALUES = re.compile(r'(?:"(?:\\.|[^"\\])*"?|[^;"])+')
"""The values between the semicolons of a header; a semicolon in quotes is none."""
QUOTED = re.compile(r'^"(.*)"$')
SEPARATORS = str.maketrans({'"': None, ":": " ", ",": " ", "=": " ", ";": " ", "\t": " "})
"""Netty drops the quotes of a value, and turns the characters that have a meaning in headers into spaces."""
ENCODINGS = {"7bit", "8bit", "binary"}
MAX_FIELDS = 4096
"""Fields or parts of one form. They are parsed on the event loop: a million, as a body may hold, takes seconds."""
MAX_PART_HEADERS = 64


class FormTooLarge(BadRequest):
    """A form has more than MAX_FIELDS fields or parts, or a part more than MAX_PART_HEADERS headers."""

    def __init__(self) -> None:
        super().__init__(f"A form may have {MAX_FIELDS} fields or parts, and a part {MAX_PART_HEADERS} headers.")


def fields(body: bytes) -> tuple[Part, ...]:
    """The fields of an URL-encoded form; a last one without "=" is dropped. Raises BadForm, FormTooLarge."""
    if body.count(b"&") >= MAX_FIELDS:
        raise FormTooLarge
    found: dict[str, Part] = {}
    for match in FIELD.finditer(body):
        name, value, end = match.groups()
        if value is None and end != b"&":
            break
        text = _field_name(name)
        found[text] = Part(text, "", _unescaped((value or b"=")[1:]))
        if end != b"&":
            break
    return tuple(found.values())


def _field_name(name: bytes) -> str:
    if ESCAPE.search(name):
        raise BadForm(f"Bad string: '{name.decode('utf-8', 'replace')}'")
    return _named(unquote_to_bytes(name.replace(b"+", b" ")).decode("utf-8", "replace"))


def _unescaped(value: bytes) -> bytes:
    wrong = ESCAPE.search(value)
    if wrong:
        text = value.decode("utf-8", "replace")
        raise BadForm(f"Invalid hex byte at index '{wrong.start()}' in string: '{text}'")
    return unquote_to_bytes(value.replace(b"+", b" "))


def _named(name: str) -> str:
    """A part's name as handlers find it. Raises BadForm where nothing remains."""
    name = name.replace("\r", " ").replace("\t", " ").strip().replace("\n", "")
    if not name:
        raise BadForm("java.lang.IllegalArgumentException: empty name")
    return name


def boundary_of(content_type: str) -> bytes | None:
    """The boundary between the parts of a multipart form, None where the type names none. Raises BadForm."""
    for name, equals, boundary in (value.partition("=") for value in _values(content_type)[1:]):
        if name.strip().lower() != "boundary":
            continue
        plain = QUOTED.sub(r"\1", boundary.strip())
        if not equals or not plain:
            raise BadForm("Needs a boundary value")
        return plain.encode("latin-1")
    return None


def multipart(body: bytes, boundary: bytes) -> tuple[Part, ...]:
    """The parts of a multipart form by name; of one that is broken, those before the break.

    Raises BadForm, and FormTooLarge beyond MAX_FIELDS parts or MAX_PART_HEADERS lines in one.
    """
    found: dict[str, Part] = {}
    for number, (headers, content) in enumerate(_sections(body, b"--" + boundary)):
        if number == MAX_FIELDS:
            raise FormTooLarge
        part = _part(headers, content)
        found[part.name] = part
    return tuple(found.values())


def _sections(body: bytes, delimiter: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """The headers and the content of each section that is whole. Lines may end without a carriage return."""
    at = len(body) - len(body.lstrip(b"\r\n"))
    while body.startswith(delimiter, at):
        end = body.find(b"\n", at)
        if end < 0 or body[at + len(delimiter) : end].rstrip(b"\r"):
            return  # the last delimiter, or none
        headers, start = _headers(body, end + 1)
        at = body.find(b"\n" + delimiter, start - 1) + 1  # an empty content has no line's end of its own
        if start < 0 or at == 0:
            return
        content = body[start : max(start, at - 1)]
        yield headers, content[:-1] if content.endswith(b"\r") else content


def _headers(body: bytes, at: int) -> tuple[dict[str, str], int]:
    """The header lines from `at` on, and where the content begins: -1 where they have no end."""
    headers: dict[str, str] = {}
    lines = 0
    while (end := body.find(b"\n", at)) >= 0:
        line = body[at:end].rstrip(b"\r").decode("utf-8", "replace")
        at = end + 1
        if not line:
            return headers, at
        lines += 1
        if lines > MAX_PART_HEADERS:
            raise FormTooLarge
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value
    return headers, -1


def _part(headers: Mapping[str, str], content: bytes) -> Part:
    """A field has no type, whatever its headers say; a file has its own, or that of plain bytes."""
    disposition = _disposition(headers.get("content-disposition", ""))
    if "name" not in disposition:
        raise BadForm("A part of the form has no name.")
    name = _named(disposition["name"])
    if not disposition.keys() & {"filename", "filename*"}:
        return Part(name, "", content)
    encoding = _cleaned(headers.get("content-transfer-encoding", "binary")).lower()
    if encoding not in ENCODINGS:
        raise BadForm(f"TransferEncoding Unknown: {encoding}")
    kind = headers.get("content-type", "").partition(";")[0].strip()
    return Part(name, kind or "application/octet-stream", content)


def _disposition(text: str) -> dict[str, str]:
    """The parameters of a Content-Disposition by names in lower case; none where it is not that of a form."""
    kind, *values = _values(text) or [""]
    if _cleaned(kind).lower() != "form-data":
        return {}
    pairs = [value.partition("=") for value in values]
    if not all(equals for _, equals, _ in pairs):
        raise BadForm("A part's Content-Disposition has a parameter without a value.")
    return {_cleaned(name).lower(): _cleaned(value) for name, _, value in pairs}


def _values(text: str) -> list[str]:
    found: list[str] = HEADER_VALUES.findall(text)
    return found


def _cleaned(text: str) -> str:
    return text.translate(SEPARATORS).strip()
