"""Writes model archives: zip file, gzipped tar file or folder. The same parts make the same bytes."""

import gzip
import json
import logging
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Protocol

from model_registry.archive.archive_spec import PackingError
from model_registry.files.atomic_file import atomic_file

LOG = logging.getLogger("marserve.packer")
FORMATS = {"tgz": ".tar.gz", "no-archive": "", "zip-store": ".mar", "default": ".mar"}
"""The suffixes of archives of models."""
FILE_TIME = (1980, 1, 1, 0, 0, 0)
"""The time of every file: the earliest in zip files."""

Entry = tuple[str, Path | bytes]
"""A name in the archive, and its file or bytes."""


class PackedParts(Protocol):
    """The specification of an archive of any kind."""

    @property
    def kind(self) -> str:
        """ "model" or "workflow"."""

    @property
    def name(self) -> str:
        """The archive's name, without its suffix."""

    @property
    def manifest_file(self) -> Path:
        """The manifest's place in the archive."""

    def manifest(self, created: datetime) -> dict[str, Any]:
        """The manifest's content."""

    def files(self) -> dict[str, Path]:
        """The files by their names in the archive. Raises PackingError."""


def pack(
    spec: PackedParts, folder: Path, form: str = "default", *, force: bool = False, created: datetime | None = None
) -> Path:
    """Make an archive in the existing `folder` and return its path.

    The form is a key of FORMATS. With `force` an older archive of that name is replaced, and is never packed itself.
    Raises PackingError or OSError.
    """
    if not folder.is_dir():
        raise PackingError(f"Given export-path {folder} is not a directory. Point to a valid export-path directory.")
    target = folder / (spec.name + (FORMATS[form] if spec.kind == "model" else ".war"))
    _check_target(target, spec.kind, force)
    manifest = json.dumps(spec.manifest(created or datetime.now(UTC).astimezone()), indent=2)
    files = {name: file for name, file in spec.files().items() if not _same(file, target)}
    parts: dict[str, Path | bytes] = {**files, spec.manifest_file.as_posix(): manifest.encode()}
    entries = sorted(parts.items())
    if form == "no-archive":
        _write_folder(target, entries)
    else:
        with atomic_file(target) as file:
            _WRITERS[form](file, entries, spec.name)
    return target


def _check_target(target: Path, kind: str, force: bool) -> None:
    if target.exists() and not force:
        raise PackingError(
            f"{target} already exists.\n"
            f"Please specify --force/-f option to overwrite the {kind} archive output file.\n"
            "See -h/--help for more details."
        )
    if target.exists():
        LOG.warning("Overwriting %s ...", target)


def _write_zip(file: IO[bytes], entries: Sequence[Entry], compression: int) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name, FILE_TIME)
            info.compress_type = compression
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            info.file_size = _size(content)  # large files are written as zip64
            with _open(content) as source, archive.open(info, "w") as sink:
                shutil.copyfileobj(source, sink)


def _write_tar(file: IO[bytes], entries: Sequence[Entry], model_name: str) -> None:
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, content in entries:
            info = tarfile.TarInfo(f"{model_name}/{name}")
            info.size = _size(content)
            with _open(content) as source:
                archive.addfile(info, source)


def _write_folder(target: Path, entries: Sequence[Entry]) -> None:
    """Write the files; as with torch-model-archiver the other files of an older archive stay."""
    for name, content in entries:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path) and _same(content, place):
            continue
        with _open(content) as source, place.open("wb") as sink:
            shutil.copyfileobj(source, sink)


_WRITERS: dict[str, Callable[[IO[bytes], Sequence[Entry], str], None]] = {
    "default": lambda file, entries, _: _write_zip(file, entries, zipfile.ZIP_DEFLATED),
    "zip-store": lambda file, entries, _: _write_zip(file, entries, zipfile.ZIP_STORED),
    "tgz": _write_tar,
}


def _same(file: Path, place: Path) -> bool:
    return place.exists() and place.samefile(file)


def _open(content: Path | bytes) -> IO[bytes]:
    return BytesIO(content) if isinstance(content, bytes) else content.open("rb")


def _size(content: Path | bytes) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size
