"""Unpacks archives that may be hostile: writes nothing outside the folder and nothing beyond the limits."""

import gzip
import io
import logging
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tarfile import TarInfo
from zipfile import ZipInfo

from model_registry.archive.manifest import MANIFEST_FILE
from model_registry.files.copying import CHUNK_BYTES, Source, copy

LOG = logging.getLogger("marserve.store")
ENCRYPTED_FLAG = 1
MAX_DIRECTORY_BYTES = 8 << 20
ZIP_MAGIC = b"PK\x03\x04"


class UnsafeArchive(Exception):
    """The archive holds something that no model archive needs."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of an unpacked archive: bytes, bytes per packed byte, names with all folders in them, and the manifest's
    bytes.

    `free` bytes are allowed whatever the ratio: a small checkpoint of zeros packs very well.
    """

    size: int = 64 << 30
    ratio: int = 200
    free: int = 1 << 30
    names: int = 100_000
    manifest: int = 1 << 20

    def budget(self, packed: int) -> int:
        """The bytes that an archive of `packed` bytes may unpack to."""
        return min(self.size, max(self.free, packed * self.ratio))


def unpack(file: Path, folder: Path, limits: Limits, check: Callable[[], None] = lambda: None) -> None:
    """Unpack `file` into the empty `folder`.

    As TorchServe does, a .mar or .war is a zip file, or else unpacks to nothing; any other file is a gzipped tar file,
    of which the first segment of each name is dropped. Of two entries with one name the later one counts; a leading
    slash of a name does not; a link or a device becomes a file with the entry's content, which in a tar file is none.
    Raises UnsafeArchive, TooLarge, OSError, and whatever the parsers make of broken bytes; files may then be left in
    the folder. `check` is called often, and ends the work by raising.
    """
    target = Target(folder, limits, limits.budget(file.stat().st_size), check)
    if not file.name.endswith((".mar", ".war")):
        unpack_tar(file, target)
    elif _has_zip_magic(file):
        unpack_zip(file, target)
    else:
        LOG.warning("%s is no zip file, as a .mar has to be: as in TorchServe nothing is unpacked.", file.name)
    if target.links:
        LOG.warning("Links in %s are not followed, but become files, as in TorchServe: %s", file.name, target.links[0])


def safe_path(name: str) -> PurePosixPath:
    """The relative path that a name means; raises UnsafeArchive unless it stays inside."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise UnsafeArchive(f"the name {name!r} leads out of the folder")
    return path


class Target:
    """A folder that takes files until its budget of bytes and names is spent."""

    def __init__(self, folder: Path, limits: Limits, size: int, check: Callable[[], None]) -> None:
        self._folder = folder
        self._size = size
        self._names = limits.names
        self._manifest_size = limits.manifest
        self._check = check
        self.links: list[str] = []
        """The names of entries that are links or devices."""

    def __repr__(self) -> str:
        return f"<Target {self._folder} {self._size} bytes, {self._names} names left>"

    def admit(self, name: str) -> PurePosixPath:
        """The path of an entry, counted; raises UnsafeArchive."""
        self._check()
        path = safe_path(name.lstrip("/"))
        self._names -= max(1, len(path.parts))
        if self._names < 0:
            raise UnsafeArchive("it holds too many files and folders")
        return path

    def make_folder(self, path: PurePosixPath) -> None:
        """Make a folder at an admitted path."""
        (self._folder / path).mkdir(parents=True, exist_ok=True)

    def write(self, path: PurePosixPath, source: Source) -> None:
        """Write a file at an admitted path; raises TooLarge."""
        place = self._folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        limit = min(self._size, self._manifest_size) if path == PurePosixPath(MANIFEST_FILE) else self._size
        with place.open("wb") as file:
            self._size -= copy(source, file, limit, self._check)


class _DirectoryBound(io.FileIO):
    """Refuses large reads: zipfile reads the whole directory at once, and an object for each entry is larger still."""

    def read(self, size: int | None = -1) -> bytes:
        remaining = os.fstat(self.fileno()).st_size - self.tell()
        if (remaining if size is None or size < 0 else min(size, remaining)) > MAX_DIRECTORY_BYTES:
            raise UnsafeArchive("its directory is too large")
        return super().read(size)


def unpack_zip(file: Path, target: Target) -> None:
    """Unpack a zip file, after every name has been checked."""
    with _DirectoryBound(file) as plain, zipfile.ZipFile(plain) as archive:
        admitted = [(entry, _admit_zip(entry, target)) for entry in archive.infolist()]
        for entry, path in admitted:
            if entry.is_dir():
                target.make_folder(path)
            else:
                with archive.open(entry) as source:
                    target.write(path, source)


def _admit_zip(entry: ZipInfo, target: Target) -> PurePosixPath:
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # TorchServe has no others either, and their dictionaries may take gigabytes of memory
        raise UnsafeArchive(f"{entry.filename!r} is compressed by method {entry.compress_type}, not by deflate")
    if entry.flag_bits & ENCRYPTED_FLAG:
        raise UnsafeArchive(f"{entry.filename!r} is encrypted")
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        target.links.append(entry.filename)
    return target.admit(entry.orig_filename)  # `filename` hides what follows a null character


class _BoundedReads(gzip.GzipFile):
    """Refuses large reads: a tar header may claim to be as large as memory."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= CHUNK_BYTES:
            raise UnsafeArchive("it has an oversized header")
        return super().read(size)


def unpack_tar(file: Path, target: Target) -> None:
    """Unpack a gzipped tar file."""
    with _BoundedReads(file) as plain, tarfile.open(fileobj=plain, mode="r:") as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # else it keeps every header in memory
            _unpack_member(archive, member, target)


def _unpack_member(archive: tarfile.TarFile, member: TarInfo, target: Target) -> None:
    safe_path(member.name.lstrip("/"))  # also of the segment that is dropped
    name = f"{member.name}/" if member.isdir() else member.name
    path = target.admit(name[name.find("/") + 1 :])
    if member.isdir():
        target.make_folder(path)
        return
    if not member.isfile():
        target.links.append(member.name)
        target.write(path, io.BytesIO())
        return
    source = archive.extractfile(member)
    assert source is not None, "only links have no content"
    with source:
        target.write(path, source)


def _has_zip_magic(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(len(ZIP_MAGIC)) == ZIP_MAGIC
