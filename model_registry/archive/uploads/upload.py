"""One archive on its way to the model store."""

import os
import tarfile
import zipfile
from pathlib import Path
from time import monotonic

from model_registry.archive.uploads.errors import UploadRefused
from model_registry.files.ownership import make_part_file


class Upload:
    """A hidden file beside the one that it becomes."""

    def __init__(self, folder: Path, total: int) -> None:
        self.total = total
        self.received = 0
        self.continued_at = monotonic()
        self._part, self._file = make_part_file(folder, 0o666)

    def __repr__(self) -> str:
        return f"<Upload {self.received} of {self.total} bytes>"

    def append(self, piece: bytes) -> None:
        """Write the next piece; raises OSError."""
        with os.fdopen(os.dup(self._file), "wb") as file:
            file.write(piece)
        self.received += len(piece)
        self.continued_at = monotonic()

    def place(self, target: Path, *, replace: bool) -> None:
        """Let the file appear as `target`; raises UploadRefused where it is no archive, and FileExistsError."""
        is_zip = target.name.endswith(".mar")
        if not (zipfile.is_zipfile(self._part) if is_zip else _is_tar(self._part)):
            kind = "zip" if is_zip else "gzipped tar"
            raise UploadRefused(f"{target.name} is no {kind} file; `marserve archive` makes a model archive.")
        if replace:
            self._part.replace(target)
        else:
            os.link(self._part, target)

    def remove(self) -> None:
        """Delete the hidden file."""
        os.close(self._file)
        self._part.unlink(missing_ok=True)


def _is_tar(file: Path) -> bool:
    try:
        with tarfile.open(file, "r:gz"):
            return True
    except (tarfile.TarError, OSError, EOFError):
        return False
