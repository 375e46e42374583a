"""The arguments of `marserve serve`: archives, folders, handlers' files and bare models, as models to load at start."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from app.initial_models.servable import archive_names, servable
from app.settings.errors import ConfigurationError
from app.settings.model import Settings
from app.settings.types import InitialModel
from model_registry.archive.fetch import is_address
from model_registry.archive.naming import file_name

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
        if is_address(model.url) or model.url in given or not _is_path(model.url, settings.model_store, cwd):
            models.append(model)
        else:
            models += _models_at(model, cwd, given)
    for target in targets:
        model = _parse(target, cwd)
        models += [model] if is_address(model.url) else _models_at(model, cwd, given)
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


def _is_path(url: str, store: Path | None, cwd: Path) -> bool:
    """Whether a value of --models is a path that exists, and no name in the model store."""
    return url.lower() != "all" and (cwd / url).exists() and not (store and (store / file_name(url)).exists())


def _unserved(settings: Settings, models: Sequence[InitialModel]) -> list[str]:
    """The warning that a configured store has archives of which none is named."""
    store = settings.model_store
    if store is None or models or settings.reload or settings.model_snapshot:
        return []
    if settings.remote_store is not None:
        return [f"nothing is served yet: name archives of {settings.remote_store}, or all of them with --models all"]
    names = archive_names(store)
    if not names:
        return [f"nothing is served yet, and {store} holds no archives: register some with POST /models?url=..."]
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return [f"nothing is served yet: {store} holds {', '.join(names[:MAX_NAMES])}{more}; --models all serves them all"]
