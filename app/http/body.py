"""From a body and its content type to named parts: JSON, text, bytes, forms and files, as TorchServe names them."""

from email.message import Message
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from handler.job import Part

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


def parts_of(body: bytes, content_type: str) -> tuple[Part, ...]:
    """The parts of a body. Anything but a form is one part named "body" with the MIME type it was sent with."""
    mime = content_type.partition(";")[0].strip()
    if mime == FORM:
        return _fields(body)
    if mime == MULTIPART:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if boundary:
            return Multipart(boundary).parse(body)
    return (Part("body", mime, body),)


def _fields(body: bytes) -> tuple[Part, ...]:
    pairs = [pair.partition(b"=") for pair in body.split(b"&")]
    found = [(_plain(name).decode("utf-8", "replace"), _plain(value)) for name, equals, value in pairs if equals]
    return tuple(Part(name, "", value) for name, value in dict(found).items())


def _plain(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


class Multipart:
    """Collects the parts of a multipart body; of one that is broken, those that were whole."""

    def __init__(self, boundary: bytes) -> None:
        self._boundary = boundary
        self._parts: dict[str, Part] = {}
        self._headers = Message()
        self._name = bytearray()
        self._value = bytearray()
        self._data = bytearray()

    def parse(self, body: bytes) -> tuple[Part, ...]:
        """The parts by name; of a name that comes twice, the last."""
        parser = MultipartParser(
            self._boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header,
                "on_part_data": lambda data, start, end: self._data.extend(data[start:end]),
                "on_part_end": self._end,
            },
        )
        try:
            parser.write(body)
        except MultipartParseError:
            return ()
        return tuple(self._parts.values())

    def _begin(self) -> None:
        self._headers, self._data = Message(), bytearray()

    def _header(self) -> None:
        self._headers[self._name.decode("latin-1")] = self._value.decode("utf-8", "replace")
        self._name, self._value = bytearray(), bytearray()

    def _end(self) -> None:
        options = parse_options_header(self._headers.get("content-disposition", ""))[1]
        name = options.get(b"name", b"").decode("utf-8", "replace")
        declared = self._headers.get("content-type", "application/octet-stream").partition(";")[0].strip()
        # A field that is no file is text without a type to TorchServe, whatever its own Content-Type says.
        kind = declared if b"filename" in options else ""
        self._parts.pop(name, None)
        self._parts[name] = Part(name, kind, bytes(self._data))
