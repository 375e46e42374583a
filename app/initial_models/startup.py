"""The models that the server loads at its start."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from app.initial_models.traffic_file import TrafficFile
from app.settings.model import Settings
from app.settings.types import InitialModel
from handler.devices.cpu_budget import cpu_budget
from handler.devices.device import Device
from model_registry.archive.naming import default_name
from model_registry.archive.store import ModelStore
from model_registry.errors import RegistryError
from model_registry.registration import Registration
from model_registry.registry import Registry
from model_registry.snapshot import registrations

LOG = logging.getLogger("marserve.startup")
Explain = Callable[[RegistryError], str]
"""Returns cause and remedy of a failure, as far as there is more to say than the error's own message."""
TORCHSERVE_LOGGER = {"ts_logger": "org.pytorch.serve.ModelServer"}


def initial_models(settings: Settings, store: ModelStore) -> list[Registration]:
    """The models of `--models` or load_models, all archives of the store for "all"; a snapshot wins over both.

    Raises StorageError where the store is object storage that cannot be listed.
    """
    if settings.model_snapshot is not None:
        return list(registrations(settings.model_snapshot))
    if any(model.name is None and model.url.lower() == "all" for model in settings.load_models):
        return [_registration(InitialModel(None, name)) for name in store.names()]
    named = [_registration(model) for model in settings.load_models]
    kept = traffic_file(settings)
    return named if kept is None else with_kept_traffic(named, kept.read(), settings, store)


def traffic_file(settings: Settings) -> TrafficFile | None:
    """The file that keeps the traffic of a server of our own, which writes no snapshots."""
    is_kept = settings.one_port and not settings.snapshots and settings.reload is None
    folder = settings.model_store
    return TrafficFile(folder) if is_kept and folder is not None and settings.remote_store is None else None


def with_kept_traffic(
    named: Sequence[Registration], kept: Mapping[str, Any], settings: Settings, store: ModelStore
) -> list[Registration]:
    """The named models; one whose rules or rollout were kept comes with all versions that it had.

    A kept model none of whose archives is named, or one of whose archives is gone, is not restored.
    """
    restored: list[Registration] = []
    for _, entries in groupby(registrations(kept), lambda each: each.model_name):
        one = list(entries)
        names = {each.url for each in one}
        if not names & {each.url for each in named}:
            continue
        missing = [url for url in names if url not in settings.given_archives and not _exists(url, store)]
        if missing:
            LOG.warning("The traffic of model %s is not restored: %s is gone.", one[0].model_name, missing[0])
        else:
            restored += [replace(each, at_startup=True) for each in one]
    urls = {each.url for each in restored}
    return [*restored, *(each for each in named if each.url not in urls)]


def _exists(url: str, store: ModelStore) -> bool:
    return Path(url).exists() if Path(url).is_absolute() else bool(store.folder and (store.folder / url).exists())


def initial_workers(settings: Settings, devices: Sequence[Device]) -> int:
    """Workers of a start-up model that names no number: as configured, else one for each GPU, else for each core."""
    gpus = sum(device.kind == "cuda" for device in devices)
    return settings.default_workers_per_model or gpus or max(1, int(cpu_budget()))


async def register_all(registry: Registry, models: Iterable[Registration], explain: Explain) -> None:
    """Register the models in order; one that fails is skipped with a warning. Workers load in the background."""
    for model in models:
        await _register(registry, model, explain)


def _registration(model: InitialModel) -> Registration:
    return Registration(
        model.url,
        model.name,
        at_startup=True,
        wait=False,
        fallback_name=default_name(model.url),
    )


async def _register(registry: Registry, registration: Registration, explain: Explain) -> None:
    LOG.info("Loading initial models: %s", registration.url, extra=TORCHSERVE_LOGGER)
    shown = InitialModel(registration.model_name, registration.url)
    try:
        await registry.register(registration)
    except RegistryError as error:
        registry.startup_failed = True
        cause = explain(error) or error.__cause__
        more = f" ({cause})" if cause else ""
        LOG.warning("Failed to load model: %s: %s%s", shown, error, more, extra=TORCHSERVE_LOGGER)
    except Exception:
        registry.startup_failed = True
        LOG.exception("Failed to load model: %s", shown, extra=TORCHSERVE_LOGGER)
