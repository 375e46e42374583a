"""An archive that was opened: its manifest and the folder it lies unpacked in."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from model_registry.archive.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Archive:
    """One registration's own copy of an archive."""

    url: str
    """As it was asked for."""
    manifest: Manifest
    folder: Path
    """Absolute. Of an archive that is a folder itself: a link to it, alone in a fresh folder."""
    downloaded: Path | None = None
    """The file in the store, if this registration has put it there."""
    source: Path | None = None
    """The file that it was unpacked from; None for an archive that is a folder."""

    @property
    def packages(self) -> Path:
        """Where packages that it requires are put: beside its modules, but never into a folder that is linked to."""
        return self.folder.parent if self.folder.is_symlink() else self.folder

    def remove(self) -> None:
        """Delete the unpacked files and what was downloaded; a folder that is linked to stays. May be repeated."""
        shutil.rmtree(self.packages, ignore_errors=True)
        if self.downloaded is not None:
            self.downloaded.unlink(missing_ok=True)
