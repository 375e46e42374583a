"""Requests to send to a server: recorded line by line in files, or made of a folder of sample bodies."""

import argparse
import base64
import binascii
import json
import mimetypes
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from app.initial_models.servable import check_target

BOUNDARY = "marserve-sample-boundary"
KEYS = {"method", "path", "headers", "json", "text", "base64", "file", "form"}
_PLAIN = re.compile(r"([A-Z]+)\s+(/\S*)(?:\s+(.+))?")


class InvalidSample(Exception):
    """A file of requests cannot be read; the text names the place."""


@dataclass(frozen=True, slots=True)
class Content:
    """A body and the content type that goes with it, "" for none."""

    value: bytes
    type: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One request; `place` is where it was written: "requests.jsonl:3", "samples/mlp/a.json"."""

    place: str
    method: str
    path: str
    headers: Mapping[str, str]
    """With the content type, but without content-length and host, which the client adds."""
    body: bytes | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def read_samples(path: Path) -> list[Sample]:
    """The requests of a file or a folder; raises InvalidSample.

    In a folder, MODEL/FILE becomes POST /predictions/MODEL with the file as body, and MODEL/VERSION/FILE names the
    version as well; files right in the folder are for the model that is called like it.
    """
    try:
        samples = list(_folder(path) if path.is_dir() else _lines(path))
    except OSError as error:
        raise InvalidSample(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidSample(
            f"{path}: a file of requests is UTF-8; put a body into a folder named like its model"
        ) from None
    if not samples:
        raise InvalidSample(f"{path}: there are no requests")
    return samples


def file_content(path: Path) -> Content:
    """A file as a body, with the content type of its suffix; raises OSError."""
    return Content(path.read_bytes(), mimetypes.guess_type(path.name)[0] or "application/octet-stream")


def file_sample(file: Path) -> Sample:
    """A request with a file as its body, for a model that is asked without a server; raises InvalidSample."""
    try:
        content = file_content(file)
    except OSError as error:
        raise InvalidSample(f"{file}: {error.strerror}") from None
    return Sample(str(file), "POST", "/", {"Content-Type": content.type}, content.value)


def _folder(folder: Path) -> Iterator[Sample]:
    for file in sorted(folder.rglob("*")):
        place = file.relative_to(folder)
        if file.is_file() and not any(part.startswith(".") for part in place.parts):
            target = place.parent.as_posix() if len(place.parts) > 1 else folder.resolve().name
            yield _sample(str(file), "POST", f"/predictions/{quote(target)}", {}, file_content(file))


def _lines(file: Path) -> Iterator[Sample]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        text, place = line.strip(), f"{file}:{number}"
        if text and not text.startswith("#"):
            try:
                yield (_object if text.startswith("{") else _plain)(text, place, file.parent)
            except (ValueError, OSError, binascii.Error) as error:
                raise InvalidSample(f"{place}: {error}") from None


def _object(text: str, place: str, folder: Path) -> Sample:
    """{"method": "POST", "path": "/predictions/mlp", "headers": {...}, "json": ...}"""
    fields: dict[str, Any] = json.loads(text)
    if unknown := fields.keys() - KEYS:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(sorted(KEYS))}")
    if not str(fields.get("path", "")).startswith("/"):
        raise ValueError('"path" has to begin with a slash')
    content = _content(fields, folder)
    method = fields.get("method", "GET" if content is None else "POST")
    return _sample(place, method, fields["path"], fields.get("headers", {}), content)


def _plain(text: str, place: str, folder: Path) -> Sample:
    """POST /predictions/mlp @input.json"""
    match = _PLAIN.fullmatch(text)
    if match is None:
        raise ValueError("neither a JSON object nor METHOD /path, with @FILE or a text behind it if there is a body")
    method, path, body = match.groups()
    return _sample(place, method, path, {}, _plain_content(body, folder) if body else None)


def _plain_content(text: str, folder: Path) -> Content:
    if text.startswith("@"):
        return file_content(folder / text[1:])
    try:
        json.loads(text)
    except ValueError:
        return Content(text.encode(), "text/plain")
    return Content(text.encode(), "application/json")


def _sample(place: str, method: str, path: str, headers: Mapping[str, str], content: Content | None) -> Sample:
    if content is not None and content.type and not any(name.lower() == "content-type" for name in headers):
        headers = {"Content-Type": content.type, **headers}
    return Sample(place, method, path, headers, None if content is None else content.value)


def _content(fields: Mapping[str, Any], folder: Path) -> Content | None:
    """The body, by the one of the keys BODIES that is there; None where there is none."""
    kinds = [kind for kind in BODIES if kind in fields]
    if len(kinds) > 1:
        raise ValueError(f"only one body is possible, not {' and '.join(kinds)}")
    return BODIES[kinds[0]](fields[kinds[0]], folder) if kinds else None


def _form(fields: Mapping[str, Any], folder: Path) -> Content:
    """A multipart form: each field is a string, or an object with a file or another body."""
    parts = b"".join(_part(name, field, folder) for name, field in fields.items())
    return Content(parts + f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}")


def _part(name: str, field: Any, folder: Path) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
    if isinstance(field, str):
        return f"{head}\r\n\r\n{field}\r\n".encode()
    content = _content(field, folder)
    if content is None:
        raise ValueError(f"the field {name} has to be a string or one of {', '.join(BODIES)}")
    file_name = Path(field.get("file", name)).name
    lines = f'{head}; filename="{file_name}"\r\nContent-Type: {content.type or "application/octet-stream"}\r\n\r\n'
    return lines.encode() + content.value + b"\r\n"


BODIES: Mapping[str, Callable[[Any, Path], Content]] = {
    "json": lambda value, _: Content(json.dumps(value).encode(), "application/json"),
    "text": lambda value, _: Content(str(value).encode(), "text/plain"),
    "base64": lambda value, _: Content(base64.b64decode(value, validate=True), "application/octet-stream"),
    "file": lambda value, folder: file_content(folder / value),
    "form": _form,
}
"""Each kind of body, and the function that makes its bytes; files are found beside the requests."""


def add_archive(parser: argparse.ArgumentParser, *, request_help: str) -> None:
    """Add the options: the archive, requests, the handler and the server's configuration."""
    add = parser.add_argument
    add(
        "archive", metavar="ARCHIVE", type=Path,
        help="an archive, a folder with a handler.py, a handler's file, or a model",
    )  # fmt: skip
    add("--request", metavar="FILE", nargs="+", type=Path, default=[], help=request_help)
    add("--handler", metavar="NAME", help="handler, if not the manifest's")
    add("--ts-config", metavar="FILE", help="the server's configuration; config.properties here by default")


def archive_samples(arguments: argparse.Namespace) -> list[Sample]:
    """The requests for the archive; raises InvalidSample for one of them and ConfigurationError for the archive."""
    samples = [file_sample(file) for file in arguments.request]
    check_target(arguments.archive, arguments.handler)
    return samples
