"""A model store in object storage: its archives are downloaded to a folder of this machine."""

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from app.settings.errors import ConfigurationError
from app.settings.model import Settings
from app.settings.sources import Source
from model_registry.object_storage.address import ObjectAddress, is_object_url
from model_registry.object_storage.archives import ObjectArchives

KEY = "model_store"
LOCAL_STORE = "store"
"""The folder of the cache for what is downloaded from elsewhere."""


def separate_remote_store(sources: Iterable[Source], environ: Mapping[str, str]) -> str | None:
    """The address of the model store, if it is one; a folder of the cache takes its place in the sources."""
    winner = next((source for source in sources if KEY in source.entries), None)
    if winner is None or not is_object_url(winner.entries[KEY].text):
        return None
    entry = winner.entries[KEY]
    folder = cache_folder(environ) / LOCAL_STORE
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"Invalid configuration: archives of {entry.text} cannot be kept in {folder}: {error.strerror}; "
            "name another folder in MARSERVE_MODEL_CACHE"
        ) from None
    winner.entries[KEY] = replace(entry, text=str(folder))
    return entry.text


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The folder for archives of object storage: the named one, else one of the user's cache that can be written."""
    if named := environ.get("MARSERVE_MODEL_CACHE"):
        return Path(named).absolute()
    cache = Path(environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "/nonexistent"), ".cache"))
    existing = next(path for path in (cache, *cache.parents) if path.exists())
    is_writable = os.access(existing, os.W_OK) and existing != Path(existing.anchor)
    return cache / "marserve" / "models" if is_writable else Path(tempfile.gettempdir(), "marserve-models")


def with_remote_store(settings: Settings, url: str | None) -> Settings:
    """The settings with the address of the model store, which messages and snapshots show."""
    if url is None:
        return settings
    return settings.replace(remote_store=url, given={**settings.given, KEY: url})


def object_archives(settings: Settings, environ: Mapping[str, str]) -> ObjectArchives:
    """The archives in object storage that a server may fetch: below its store, and where allowed_urls says so."""
    return ObjectArchives(
        settings.model_cache or cache_folder(environ),
        ObjectAddress.parse(settings.remote_store) if settings.remote_store else None,
        [re.compile(url, re.IGNORECASE) for url in settings.allowed_urls],
        size_limit=settings.max_archive_size,
        total_seconds=settings.download_timeout,
        idle_seconds=settings.download_idle_timeout,
    )
