"""The files that a configuration names."""

from pathlib import Path

from handler.tensors.errors import Code, TensorError


def read_bytes(path: Path) -> bytes:
    """The content of a file; raises TensorError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise TensorError(f"failed to open text file for read {path}: {error.strerror}", Code.INTERNAL) from error
