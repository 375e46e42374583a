"""Paths that can be served: archives, folders, handlers' files and bare models; others get a reason with a remedy."""

from difflib import get_close_matches
from pathlib import Path
from zipfile import is_zipfile

from app.settings.errors import ConfigurationError
from model_registry.archive.implicit.manifest import (
    BARE_MODEL_SUFFIXES,
    implicit_manifest,
    implicit_manifest_of_model,
    needs_manifest,
)
from model_registry.archive.naming import ARCHIVE_SUFFIXES
from model_registry.archive.store import ModelStore
from model_registry.errors import InvalidModel


def servable(path: Path, target: str) -> list[Path]:
    """The absolute paths of what a target names: itself, or the archives in a folder; raises ConfigurationError."""
    path = path.resolve()
    try:
        if path.is_dir():
            return [path] if _is_archive_folder(path) else [path / name for name in archive_names(path)]
        if not path.exists():
            raise ConfigurationError(f"{target} does not exist{_suggestion(path)}")
        _check_file(path, target)
    except InvalidModel as reason:
        raise ConfigurationError(f"{target} cannot be served: {reason}") from None
    return [path]


def check_target(path: Path, handler: str | None = None) -> None:
    """Raise ConfigurationError unless a path is one archive, folder, handler's file or model.

    A folder whose `handler` is named may be any.
    """
    if handler and path.is_dir():
        return
    found = servable(path, str(path))
    if found != [path.resolve()]:
        raise ConfigurationError(f"{path} holds {len(found)} archives; name one of them, such as {found[0]}")


def _is_archive_folder(folder: Path) -> bool:
    """Whether a folder is an archive itself; raises NoManifest if it can be none, and holds no archives either."""
    if not needs_manifest(folder):
        return True
    if archive_names(folder):
        return False
    return bool(implicit_manifest(folder))


def archive_names(folder: Path) -> list[str]:
    """The files of a folder that are archives, and its folders with a manifest."""
    return [name for name in ModelStore(folder).names() if not needs_manifest(folder / name)]


def _check_file(path: Path, target: str) -> None:
    if path.suffix in BARE_MODEL_SUFFIXES:
        implicit_manifest_of_model(path)
    elif path.suffix == ".mar" and not is_zipfile(path):
        raise ConfigurationError(f"{target} is no archive: a .mar is a zip file, as marserve archive makes it")
    elif path.suffix != ".py" and not path.name.endswith(ARCHIVE_SUFFIXES):
        raise ConfigurationError(
            f"{target} cannot be served: give an archive ({', '.join(ARCHIVE_SUFFIXES)}), a folder with a handler.py, "
            f"a handler's file (.py) or a model ({', '.join(BARE_MODEL_SUFFIXES)})"
        )


def _suggestion(path: Path) -> str:
    if not path.parent.is_dir():
        return f": there is no folder {path.parent}"
    near = get_close_matches(path.name, [entry.name for entry in path.parent.iterdir()], n=1)
    return f"; is {near[0]} meant?" if near else ""
