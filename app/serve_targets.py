"""The arguments of `marserve serve`: archives, folders, handlers' files and bare models, as models to load at start."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from zipfile import is_zipfile

from app.settings.errors import ConfigurationError
from app.settings.model import Settings
from app.settings.types import InitialModel
from model_registry.archive.fetch import is_remote
from model_registry.archive.implicit_manifest import (
    BARE_MODEL_SUFFIXES,
    implicit_manifest,
    implicit_manifest_of_model,
    needs_manifest,
)
from model_registry.archive.naming import ARCHIVE_SUFFIXES, file_name
from model_registry.archive.store import ModelStore
from model_registry.errors import InvalidModel

MAX_NAMES = 6
"""Files that a message names."""


def with_targets(settings: Settings, targets: Sequence[str], cwd: Path) -> Settings:
    """The settings, with the targets as start-up models and the working folder as model store if none is configured.

    A target is a path or an address, with `NAME=` before it if the model is to have another name; so may the values of
    `--models` be. Raises ConfigurationError for one that cannot be served.
    """
    given = dict(settings.given_archives)
    models: list[InitialModel] = []
    for model in settings.load_models:
        if is_remote(model.url) or model.url in given or not _is_path(model.url, settings.model_store, cwd):
            models.append(model)
        else:
            models += _models_at(model, cwd, given)
    for target in targets:
        model = _parse(target, cwd)
        models += [model] if is_remote(model.url) else _models_at(model, cwd, given)
    return settings.replace(
        model_store=settings.model_store or cwd,
        load_models=tuple(models),
        given_archives=given,
        warnings=(*settings.warnings, *_unserved(settings, models)),
    )


def _parse(target: str, cwd: Path) -> InitialModel:
    name, separator, path = target.partition("=")
    is_named = separator and "/" not in name and not (cwd / target).exists()
    return InitialModel(name, path) if is_named else InitialModel(None, target)


def _models_at(model: InitialModel, cwd: Path, given: dict[str, Path]) -> Iterator[InitialModel]:
    """The models that a path names, which are added to those given; raises ConfigurationError."""
    for path in servable(cwd / model.url, model.url):
        if given.setdefault(path.name, path) != path:
            raise ConfigurationError(f"{path} and {given[path.name]} have the same file name; rename one of them")
        yield InitialModel(model.name, path.name)


def servable(path: Path, target: str) -> list[Path]:
    """The absolute paths of what a target names: itself, or the archives in a folder; raises ConfigurationError."""
    path = path.resolve()
    try:
        if path.is_dir():
            return [path] if _is_archive_folder(path) else _archives_of(path)
        if not path.exists():
            raise ConfigurationError(f"{target} does not exist{_suggestion(path)}")
        _check_file(path, target)
    except InvalidModel as reason:
        raise ConfigurationError(f"{target} cannot be served: {reason}") from None
    return [path]


def _is_path(url: str, store: Path | None, cwd: Path) -> bool:
    """Whether a value of --models is a path that exists, and no name in the model store."""
    return url.lower() != "all" and (cwd / url).exists() and not (store and (store / file_name(url)).exists())


def _is_archive_folder(folder: Path) -> bool:
    """Whether a folder is an archive itself; raises NoManifest if it can be none, and holds no archives either."""
    if not needs_manifest(folder):
        return True
    if _names(folder):
        return False
    return bool(implicit_manifest(folder))


def _archives_of(folder: Path) -> list[Path]:
    return [folder / name for name in _names(folder)]


def _names(folder: Path) -> list[str]:
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


def _unserved(settings: Settings, models: Sequence[InitialModel]) -> list[str]:
    """The warning that a configured store has archives of which none is named."""
    store = settings.model_store
    if store is None or models or settings.reload or settings.model_snapshot:
        return []
    names = _names(store)
    if not names:
        return [f"nothing is served yet, and {store} holds no archives: register some with POST /models?url=..."]
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return [f"nothing is served yet: {store} holds {', '.join(names[:MAX_NAMES])}{more}; --models all serves them all"]
