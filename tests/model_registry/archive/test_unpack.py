"""Hostile archives write nothing outside their folder, and good ones unpack as TorchServe unpacks them."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_registry.archive.unpack import Limits, UnsafeArchive, safe_path, unpack
from model_registry.files.copying import TooLarge

MANIFEST = "MAR-INF/MANIFEST.json"
LIMITS = Limits()


def zipped(
    file: Path, entries: Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED
) -> Path:
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file


def tarred(file: Path, entries: Iterable[tuple[str | tarfile.TarInfo, bytes]], mode: str = "w:gz") -> Path:
    with tarfile.open(file, mode) as archive:  # type: ignore[call-overload]
        for name, content in entries:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file


def special(name: str, kind: bytes, target: str = "/etc/passwd") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Deep enough that a climbing name stays below tmp_path."""
    place = tmp_path / "up" / "up" / "folder"
    place.mkdir(parents=True)
    return place


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "archives" / "m.mar"
    place.parent.mkdir()
    return place


def refuse(file: Path, folder: Path, limits: Limits = LIMITS) -> str:
    """The reason why an archive is refused."""
    with pytest.raises((UnsafeArchive, TooLarge)) as refusal:
        unpack(file, folder, limits)
    return str(refusal.value)


def test_a_zip_file_unpacks(file: Path, folder: Path) -> None:
    unpack(zipped(file, [("handler.py", b"1"), ("a/", b""), ("a/b/c.txt", b"2"), (MANIFEST, b"{}")]), folder, LIMITS)
    assert contents(folder) == {"handler.py": b"1", "a/b/c.txt": b"2", MANIFEST: b"{}"}


def test_a_tar_file_unpacks_without_the_first_segments(file: Path, folder: Path) -> None:
    entries = [(special("m", tarfile.DIRTYPE), b""), ("m/handler.py", b"1"), ("m/a/b.txt", b"2"), ("loose.txt", b"3")]
    unpack(tarred(file.with_name("m.tar.gz"), entries), folder, LIMITS)
    assert contents(folder) == {"handler.py": b"1", "a/b.txt": b"2", "loose.txt": b"3"}


def test_a_tar_file_of_the_working_folder_unpacks_whole(file: Path, folder: Path) -> None:
    entries = [(special(".", tarfile.DIRTYPE), b""), (special("./a", tarfile.DIRTYPE), b""), ("./a/b.txt", b"2")]
    unpack(tarred(file.with_name("m.model"), entries), folder, LIMITS)
    assert contents(folder) == {"a/b.txt": b"2"}


@pytest.mark.parametrize("content", [b"", b"this is not an archive", b"PK\5\6" + bytes(18), b"junk before PK\3\4"])
def test_a_mar_that_is_no_zip_file_unpacks_to_nothing(
    file: Path, folder: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_bytes(content)
    unpack(file, folder, LIMITS)
    assert contents(folder) == {}
    assert f"{file.name} is no zip file" in caplog.text


def test_of_two_manifests_the_second_counts(file: Path, folder: Path) -> None:
    """torch-model-archiver writes two when one is among the extra files."""
    with pytest.warns(UserWarning, match="Duplicate name"):
        zipped(file, [(MANIFEST, b"first"), (MANIFEST, b"2nd")])
    unpack(file, folder, LIMITS)
    assert contents(folder) == {MANIFEST: b"2nd"}


@pytest.mark.parametrize(
    "name",
    ["../out", "../../out", "a/../../out", "a/../b", "..", "/../out", "//../../out"],
)
def test_a_zip_entry_that_leads_out_is_refused_before_anything_is_written(
    tmp_path: Path, file: Path, name: str
) -> None:
    folder = tmp_path / "up" / "folder"
    folder.mkdir(parents=True)
    refuse(zipped(file, [("first.txt", b"1"), (name, b"out")]), folder)
    assert contents(tmp_path).keys() == {"archives/m.mar"}


@pytest.mark.parametrize("name", ["../out", "m/../../out", "/../m/out", "m/../out", "m//out/..", "m//../out"])
def test_a_tar_entry_that_leads_out_is_refused(tmp_path: Path, file: Path, folder: Path, name: str) -> None:
    refuse(tarred(file.with_name("m.tgz"), [(name, b"out")]), folder)
    assert contents(tmp_path).keys() == {"archives/m.tgz"}


def test_a_null_character_hides_nothing(file: Path, folder: Path) -> None:
    zipped(file, [("a.txt!.py", b"1")])
    file.write_bytes(file.read_bytes().replace(b"a.txt!", b"a.txt\0"))
    assert "leads out" in refuse(file, folder)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_a_link_or_device_in_a_zip_file_is_a_file_with_its_content(
    file: Path, folder: Path, kind: int, caplog: pytest.LogCaptureFixture
) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (kind | 0o777) << 16
    unpack(zipped(file, [("a", b"1"), (info, b"/etc/passwd")]), folder, LIMITS)
    assert contents(folder) == {"a": b"1", "link": b"/etc/passwd"}
    assert not (folder / "link").is_symlink()
    assert caplog.messages == ["Links in m.mar are not followed, but become files, as in TorchServe: link"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_link_or_device_in_a_tar_file_is_an_empty_file(file: Path, folder: Path, kind: bytes) -> None:
    unpack(tarred(file.with_name("m.tgz"), [(special("m/link", kind), b""), ("m/link/x", b"1")][:1]), folder, LIMITS)
    assert contents(folder) == {"link": b""}
    assert stat.S_ISREG((folder / "link").lstat().st_mode)


@pytest.mark.parametrize("name", ["/a.txt", "//a.txt", "C:/a.txt", "C:a.txt", "a\\..\\..\\b.txt", "\\a.txt", "./a.txt"])
def test_other_systems_names_are_names_inside(file: Path, folder: Path, name: str) -> None:
    """TorchServe writes them so on Linux."""
    unpack(zipped(file, [(name, b"1")]), folder, LIMITS)
    assert contents(folder) == {name.lstrip("/").removeprefix("./"): b"1"}


def test_an_absolute_name_in_a_tar_file_is_one_inside(file: Path, folder: Path) -> None:
    """Its first segment is empty."""
    unpack(tarred(file.with_name("m.tgz"), [("/a/b.txt", b"1"), ("m//c.txt", b"2")]), folder, LIMITS)
    assert contents(folder) == {"a/b.txt": b"1", "c.txt": b"2"}


def test_an_encrypted_entry_is_refused(file: Path, folder: Path) -> None:
    data = bytearray(zipped(file, [("a", b"1")]).read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    file.write_bytes(data)
    assert "encrypted" in refuse(file, folder)


@pytest.mark.parametrize(("first", "second"), [("a.txt", "a.txt"), ("a.txt", "./a.txt"), ("a//b", "a/b")])
def test_of_two_entries_with_one_name_the_later_one_counts(file: Path, folder: Path, first: str, second: str) -> None:
    """Tools that change archives add the new file behind the old one."""
    unpack(tarred(file.with_name("m.tgz"), [("m/" + first, b"first"), ("m/" + second, b"2nd")]), folder, LIMITS)
    assert list(contents(folder).values()) == [b"2nd"]


def test_a_file_where_a_folder_should_be_is_an_error(file: Path, folder: Path) -> None:
    with pytest.raises(OSError, match="a"):
        unpack(zipped(file, [("a", b"1"), ("a/b", b"2")]), folder, LIMITS)


@pytest.mark.parametrize("cut", [3, 40, 100])
def test_a_truncated_zip_file_is_an_error(file: Path, folder: Path, cut: int) -> None:
    data = zipped(file, [("a", os.urandom(200))]).read_bytes()
    file.write_bytes(data[:-cut])
    with pytest.raises(zipfile.BadZipFile):
        unpack(file, folder, LIMITS)


def test_a_damaged_zip_file_is_an_error(file: Path, folder: Path) -> None:
    data = bytearray(zipped(file, [("a", bytes(200))], zipfile.ZIP_STORED).read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    with pytest.raises(zipfile.BadZipFile, match="CRC"):
        unpack(file, folder, LIMITS)


def test_a_truncated_tar_file_is_an_error(file: Path, folder: Path) -> None:
    tar = tarred(file.with_name("m.tgz"), [("m/a", os.urandom(9000))])
    tar.write_bytes(tar.read_bytes()[:-2000])
    with pytest.raises(EOFError):
        unpack(tar, folder, LIMITS)


@pytest.mark.parametrize("mode", ["w", "w:xz", "w:bz2"])
def test_a_tar_file_that_is_not_gzipped_is_an_error(file: Path, folder: Path, mode: str) -> None:
    with pytest.raises(gzip.BadGzipFile):
        unpack(tarred(file.with_name("m.tar.gz"), [("m/a", b"1")], mode), folder, LIMITS)


def test_too_many_bytes_are_refused(file: Path, folder: Path) -> None:
    refuse(zipped(file, [("a", bytes(600)), ("b", bytes(600))]), folder, Limits(size=1000))
    assert contents(folder) == {"a": bytes(600), "b": b""}


def test_a_bomb_is_refused_for_its_ratio(file: Path, folder: Path) -> None:
    archive = zipped(file, [("zeros", bytes(2_000_000))])
    refuse(archive, folder, Limits(ratio=100, free=1000))
    assert contents(folder) == {"zeros": b""}


def test_a_small_archive_may_unpack_to_the_free_size_whatever_its_ratio(file: Path, folder: Path) -> None:
    archive = zipped(file, [("zeros", bytes(2_000_000))])
    unpack(archive, folder, Limits(ratio=100, free=2_000_000))
    assert len(contents(folder)["zeros"]) == 2_000_000


def test_what_an_entry_claims_of_its_size_does_not_count(file: Path, folder: Path) -> None:
    """The limit is on the bytes that come, and an entry with more than it claims is damaged."""
    data = bytearray(zipped(file, [("zeros", bytes(50_000))]).read_bytes())
    claim = (50_000).to_bytes(4, "little")
    file.write_bytes(data.replace(claim, (10).to_bytes(4, "little")))
    with pytest.raises(zipfile.BadZipFile):
        unpack(file, folder, Limits(size=100))
    assert len(contents(folder).get("zeros", b"")) <= 100


def test_a_tar_bomb_is_refused(file: Path, folder: Path) -> None:
    refuse(tarred(file.with_name("m.tgz"), [("m/zeros", bytes(2_000_000))]), folder, Limits(ratio=100, free=1000))


@pytest.mark.parametrize("names", [["a", "b", "c", "d"], ["a/b/c/d"]])
def test_too_many_files_and_folders_are_refused(file: Path, folder: Path, names: list[str]) -> None:
    assert "too many" in refuse(zipped(file, [(name, b"") for name in names]), folder, Limits(names=3))


def test_an_oversized_tar_header_is_not_read_into_memory(file: Path, folder: Path) -> None:
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 50 << 20
    tar = file.with_name("m.tgz")
    tar.write_bytes(gzip.compress(header.tobuf() + bytes(4096)))
    assert "header" in refuse(tar, folder)


@given(st.text(alphabet=st.sampled_from("ab./\\:C \0~\n") | st.characters(), max_size=12))
def test_a_safe_path_stays_inside_whatever_its_name_is(name: str) -> None:
    try:
        path = safe_path(name)
    except UnsafeArchive:
        return
    inside = os.path.normpath(f"/folder/{path}")
    assert inside == "/folder" or inside.startswith("/folder/")
    assert path == PurePosixPath(name)
    assert "\0" not in name


@given(st.lists(st.sampled_from(["a", "model.pt", ".hidden", "..b", "c..", "a b", "ü", "~"]), min_size=1, max_size=4))
def test_an_ordinary_name_is_safe(parts: list[str]) -> None:
    assert safe_path("/".join(parts)).parts == tuple(parts)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_compression_that_torchserve_does_not_know_is_refused(file: Path, folder: Path, method: int) -> None:
    """The dictionary of an LZMA stream may claim four gigabytes."""
    assert f"method {method}" in refuse(zipped(file, [("a", b"text")], method), folder)


def test_a_directory_that_would_fill_the_memory_is_refused(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_registry.archive.unpack.MAX_DIRECTORY_BYTES", 65536)
    archive = zipped(file, [(f"{number:0200}", b"") for number in range(300)])
    assert "its directory is too large" in refuse(archive, folder)


def test_a_manifest_has_a_limit_of_its_own(file: Path, folder: Path) -> None:
    refuse(zipped(file, [(MANIFEST, b" " * 1001)]), folder, Limits(manifest=1000))


def test_a_check_ends_the_work(file: Path, folder: Path) -> None:
    def stop() -> None:
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        unpack(zipped(file, [("a", b"text")]), folder, LIMITS, stop)
    assert contents(folder) == {}
