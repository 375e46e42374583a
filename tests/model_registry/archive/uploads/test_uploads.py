"""Archives that come in pieces."""

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_registry.archive.uploads import uploads as module
from model_registry.archive.uploads.errors import UploadConflict, UploadRefused
from model_registry.archive.uploads.uploads import MAX_UPLOADS, Uploads
from model_registry.errors import NoStore

LIMIT = 10_000


def archive_bytes() -> bytes:
    """A zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("handler.py", "x" * 500)
    return file.getvalue()


def tar_bytes() -> bytes:
    """A gzipped tar file."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz"):
        pass
    return file.getvalue()


@pytest.fixture
def uploads(store: Path) -> Iterator[Uploads]:
    """The uploads to an empty store; nothing of them is left when they are closed."""
    made = Uploads(store, LIMIT)
    yield made
    made.close()
    assert [path.name for path in store.iterdir() if path.name.startswith(".")] == []


def test_pieces_become_a_file_when_the_last_one_is_there(store: Path, uploads: Uploads) -> None:
    content = archive_bytes()
    assert not uploads.receive("a.mar", content[:100], 0, len(content))
    assert not (store / "a.mar").exists()
    assert not uploads.receive("a.mar", content[100:200], 100, len(content))
    assert uploads.receive("a.mar", content[200:], 200, len(content))
    assert (store / "a.mar").read_bytes() == content


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "a.model"])
def test_tar_files_are_archives(store: Path, uploads: Uploads, name: str) -> None:
    assert uploads.receive(name, tar_bytes(), 0, len(tar_bytes()))
    with pytest.raises(UploadRefused, match="is no gzipped tar file"):
        uploads.receive(f"b{name}", archive_bytes(), 0, len(archive_bytes()))


@pytest.mark.parametrize("content", [b"<html>", archive_bytes()[:-30]])
def test_a_file_that_is_no_archive_is_not_kept(store: Path, uploads: Uploads, content: bytes) -> None:
    with pytest.raises(UploadRefused, match=r"a\.mar is no zip file"):
        uploads.receive("a.mar", content, 0, len(content))
    assert list(store.iterdir()) == []


@pytest.mark.parametrize("name", ["../a.mar", "a\\b.mar", ".a.mar", "a.pt", "a\0.mar", "a" * 300 + ".mar", "", ".mar"])
def test_a_name_that_leads_elsewhere_is_refused(uploads: Uploads, name: str) -> None:
    with pytest.raises(UploadRefused):
        uploads.receive(name, b"x", 0, 1)


@pytest.mark.parametrize("total", [0, LIMIT + 1])
def test_the_size_has_limits(uploads: Uploads, total: int) -> None:
    with pytest.raises(UploadRefused, match="max_archive_size"):
        uploads.receive("a.mar", b"x", 0, total)


def test_a_piece_follows_the_one_before(uploads: Uploads) -> None:
    with pytest.raises(UploadConflict, match=r"No upload of a\.mar is in progress"):
        uploads.receive("a.mar", b"x", 5, 10)
    uploads.receive("a.mar", b"xx", 0, 10)
    for start, piece, total in ((1, b"x", 10), (3, b"x", 10), (2, b"x" * 9, 10)):
        with pytest.raises(UploadConflict, match="begins at byte 2 of 10"):
            uploads.receive("a.mar", piece, start, total)
    with pytest.raises(UploadConflict, match="first piece again"):
        uploads.receive("a.mar", b"x", 2, 11)
    assert not uploads.receive("a.mar", b"xx", 0, 12)  # begun anew


def test_a_file_is_replaced_only_where_that_is_wanted(store: Path, uploads: Uploads) -> None:
    (store / "a.mar").write_text("old")
    content = archive_bytes()
    with pytest.raises(UploadConflict, match=r"has a file a\.mar already"):
        uploads.receive("a.mar", content, 0, len(content))
    assert (store / "a.mar").read_text() == "old"
    assert uploads.receive("a.mar", content, 0, len(content), replace=True)
    assert (store / "a.mar").read_bytes() == content


def test_a_file_that_appears_meanwhile_is_kept(store: Path, uploads: Uploads) -> None:
    content = archive_bytes()
    uploads.receive("a.mar", content[:9], 0, len(content))
    (store / "a.mar").write_text("other")
    with pytest.raises(UploadConflict, match="already"):
        uploads.receive("a.mar", content[9:], 9, len(content))
    assert (store / "a.mar").read_text() == "other"


def test_abandoned_uploads_make_way(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(MAX_UPLOADS):
        uploads.receive(f"{number}.mar", b"x", 0, 10)
    with pytest.raises(UploadConflict, match="in progress"):
        uploads.receive("more.mar", b"x", 0, 10)
    monkeypatch.setattr(module, "ABANDONED_AFTER_SECONDS", -1.0)
    assert not uploads.receive("more.mar", b"x", 0, 10)


def test_a_server_may_have_no_store(tmp_path: Path) -> None:
    with pytest.raises(NoStore):
        Uploads(None, LIMIT).receive("a.mar", b"x", 0, 1)
    with pytest.raises(UploadRefused, match="cannot be written"):
        Uploads(tmp_path / "none", LIMIT).receive("a.mar", b"x", 0, 1)
