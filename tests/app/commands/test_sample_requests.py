"""Requests are read from lines and folders, each with its content type."""

import argparse
import json
from pathlib import Path

import pytest

from app.commands.sample_requests import InvalidSample, Sample, add_archive, archive_samples, read_samples
from app.settings.errors import ConfigurationError
from tests.conftest import MakeArchive

HANDLER = "def handle(data, context):\n    return data\n"


def read_lines(folder: Path, *text: str) -> list[Sample]:
    file = folder / "requests.jsonl"
    file.write_text("\n".join(text), encoding="utf-8")
    return read_samples(file)


def test_plain_lines_are_method_path_and_body(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(b"\xff\xd8")
    samples = read_lines(
        tmp_path, "# a comment", "", "GET /ping", 'POST /predictions/m {"a": 1}', "PUT /predictions/m some text",
        "POST /predictions/m @cat.jpg",
    )  # fmt: skip
    assert [(each.method, each.path, dict(each.headers), each.body) for each in samples] == [
        ("GET", "/ping", {}, None),
        ("POST", "/predictions/m", {"Content-Type": "application/json"}, b'{"a": 1}'),
        ("PUT", "/predictions/m", {"Content-Type": "text/plain"}, b"some text"),
        ("POST", "/predictions/m", {"Content-Type": "image/jpeg"}, b"\xff\xd8"),
    ]
    assert [each.place.rpartition(":")[2] for each in samples] == ["3", "4", "5", "6"]


@pytest.mark.parametrize(
    ("body", "content_type", "value"),
    [
        ({"json": {"a": [1, "é"]}}, "application/json", json.dumps({"a": [1, "é"]}).encode()),
        ({"text": "é"}, "text/plain", "é".encode()),
        ({"base64": "AP8="}, "application/octet-stream", b"\x00\xff"),
        ({"file": "data.bin"}, "application/octet-stream", b"\x01\x02"),
    ],
)
def test_an_object_has_one_kind_of_body(
    body: dict[str, object], content_type: str, value: bytes, tmp_path: Path
) -> None:
    (tmp_path / "data.bin").write_bytes(b"\x01\x02")
    (sample,) = read_lines(tmp_path, json.dumps({"path": "/predictions/m", **body}))
    assert (sample.method, sample.headers, sample.body) == ("POST", {"Content-Type": content_type}, value)


def test_an_object_may_name_method_and_headers(tmp_path: Path) -> None:
    request = {"method": "PATCH", "path": "/x", "headers": {"content-type": "image/x", "X-Who": "me"}, "text": "t"}
    (sample,) = read_lines(tmp_path, json.dumps(request))
    assert (sample.method, sample.headers) == ("PATCH", {"content-type": "image/x", "X-Who": "me"})


def test_without_a_body_it_is_a_get(tmp_path: Path) -> None:
    (sample,) = read_lines(tmp_path, '{"path": "/ping"}')
    assert (str(sample), sample.body) == ("GET /ping", None)


def test_a_form_has_fields_and_files(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(b"\xff\xd8")
    (sample,) = read_lines(tmp_path, '{"path": "/p", "form": {"data": {"file": "cat.jpg"}, "top": "3"}}')
    boundary = sample.headers["Content-Type"].partition("boundary=")[2].encode()
    assert sample.body == (
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="data"; filename="cat.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n\xff\xd8\r\n"
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="top"\r\n\r\n3\r\n'
        b"--" + boundary + b"--\r\n"
    )


def test_a_folder_of_samples_names_models_and_versions(tmp_path: Path) -> None:
    for path in ("mlp/a.json", "mlp/2.0/b.txt", "mlp/.hidden", "a model/c.bin"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"{}")
    samples = read_samples(tmp_path)
    assert {(each.path, each.headers["Content-Type"]) for each in samples} == {
        ("/predictions/mlp", "application/json"),
        ("/predictions/mlp/2.0", "text/plain"),
        ("/predictions/a%20model", "application/octet-stream"),
    }
    assert {each.path for each in read_samples(tmp_path / "mlp" / "2.0")} == {"/predictions/2.0"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("POST predictions/m", "neither a JSON object nor METHOD /path"),
        ('{"path": "/p", "jsn": 1}', "unknown: jsn; known are base64, file, form"),
        ('{"path": "p"}', '"path" has to begin with a slash'),
        ('{"path": "/p", "json": 1, "text": "t"}', "only one body is possible, not json and text"),
        ('{"path": "/p", "form": {"a": {}}}', "the field a has to be a string or one of json"),
        ('{"path": ', "Expecting value"),
        ("POST /p @nowhere.jpg", "No such file"),
        ('{"path": "/p", "base64": "%"}', "base64"),
    ],
)
def test_an_unreadable_line_is_named(line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSample, match=message) as refusal:
        read_lines(tmp_path, "GET /ping", line)
    assert str(refusal.value).startswith(f"{tmp_path}/requests.jsonl:2: ")


def test_a_place_without_requests_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidSample, match="there are no requests"):
        read_samples(tmp_path)
    with pytest.raises(InvalidSample, match="nowhere: No such file"):
        read_samples(tmp_path / "nowhere")
    (tmp_path / "cat.jpg").write_bytes(b"\xff\xd8")
    with pytest.raises(InvalidSample, match="put a body into a folder named like its model"):
        read_samples(tmp_path / "cat.jpg")


def parsed(*words: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_archive(parser, request_help="bodies")
    return parser.parse_args([str(word) for word in words])


def test_requests_are_read_in_their_order(tmp_path: Path, archive: MakeArchive) -> None:
    files = [tmp_path / "b.json", tmp_path / "a.txt"]
    for file in files:
        file.write_text(file.name)
    samples = archive_samples(parsed(archive("m", HANDLER), "--request", *files))
    assert [sample.body for sample in samples] == [b"b.json", b"a.txt"]


def test_a_request_or_an_archive_that_is_not_there_is_an_error(tmp_path: Path, archive: MakeArchive) -> None:
    with pytest.raises(InvalidSample):
        archive_samples(parsed(archive("m", HANDLER), "--request", tmp_path / "none.json"))
    with pytest.raises(ConfigurationError):
        archive_samples(parsed(tmp_path / "none.mar"))
