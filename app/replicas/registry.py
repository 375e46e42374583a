"""The registry of a server: its own, or one that shares its models through a document."""

import hashlib
import os
from pathlib import Path
from typing import Any

from app.settings.model import Settings
from app.settings.remote_store import cache_folder
from model_registry.registry import Registry


def make_registry(settings: Settings, *arguments: Any, **options: Any) -> Registry:
    """The registry that the settings want; the arguments are those of Registry."""
    if settings.state is None:
        return Registry(*arguments, **options)
    from model_registry.state.document_store import document_store
    from model_registry.state.shared_registry import SharedRegistry

    documents = document_store(settings.state, Path.cwd())
    return SharedRegistry(*arguments, documents=documents, local_copy=_local_copy(settings), **options)


def _local_copy(settings: Settings) -> Path:
    name = hashlib.sha256(str(settings.state).encode()).hexdigest()[:20]
    return (settings.model_cache or cache_folder(os.environ)) / f"state-{name}.json"
