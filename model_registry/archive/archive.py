"""An opened archive: its manifest and the folder it is unpacked in."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model_registry.archive.manifest import Manifest


def _delete(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Archive:
    """One registration's own copy of an archive."""

    url: str
    """The url of the registration."""
    manifest: Manifest
    folder: Path
    """An absolute path; of an archive that is a folder itself, a link to it in an otherwise empty folder."""
    downloaded: Path | None = None
    """The file in the store, if this registration downloaded it."""
    source: Path | None = None
    """The file that was unpacked; None for an archive that is a folder."""
    delete: Callable[[Path], None] = _delete
    """Deletes the folder that was made for the archive."""

    @property
    def packages(self) -> Path:
        """The folder for the packages it requires: its own, never one that is linked to."""
        return self.folder.parent if self.folder.is_symlink() else self.folder

    @property
    def serialized_file(self) -> Path | None:
        """The file of the model, if the manifest names one and it is there."""
        try:
            file = self.folder / (self.manifest.serialized_file or "")
            return file if file.is_file() else None
        except OSError:  # the name is too long
            return None

    def remove(self) -> None:
        """Delete the unpacked files and the download, but no folder that is linked to. May be repeated."""
        self.delete(self.packages)
        if self.downloaded is not None:
            self.downloaded.unlink(missing_ok=True)
