"""Configuration files."""

from pathlib import Path

import pytest

from app.settings.errors import ConfigurationError
from app.settings.loading import marserve_settings


def write(folder: Path, *lines: str, name: str = "config.properties") -> None:
    """Write a file of properties."""
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def refusal(folder: Path, **environ: str) -> str:
    """The error of a configuration."""
    with pytest.raises(ConfigurationError) as refused:
        marserve_settings(environ, folder)
    return str(refused.value)
