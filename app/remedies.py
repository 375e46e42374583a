"""Cause and remedy of registrations that fail, for those who may manage the server."""

from difflib import get_close_matches

from handler.workers.load_remedies import remedy_for
from model_registry.archive.naming import file_name
from model_registry.archive.store import ModelStore
from model_registry.errors import (
    ArchiveNotFound,
    DownloadFailed,
    InvalidModel,
    PackagesFailed,
    RegistryError,
    SaveFailed,
    WorkersFailed,
)

EXPLAINED = (DownloadFailed, InvalidModel, PackagesFailed, SaveFailed, WorkersFailed)
"""Errors of registrations whose cause is for the operator."""
MAX_NAMES = 6
"""Archives of a store that are named."""


def explain(error: RegistryError, store: ModelStore) -> str:
    """The cause of an error and its remedy, as far as there is more to say than the error's own message."""
    if isinstance(error, ArchiveNotFound):
        return _contents(error, store)
    cause = error.__cause__
    if cause is None or not isinstance(error, EXPLAINED):
        return ""
    cause = cause.__cause__ or cause
    text = str(cause)
    parts = (f"{type(cause).__name__}: {text}" if text else type(cause).__name__, remedy_for(cause))
    return ". Remedy: ".join(filter(None, parts))


def _contents(error: ArchiveNotFound, store: ModelStore) -> str:
    """The folder of the store, and the archives in it."""
    names = store.local_names()
    if not names:
        return f"{store.folder} holds no archives"
    near = get_close_matches(file_name(error.url), names, n=1)
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    meant = f"; is {near[0]} meant?" if near else ""
    return f"{store.folder} holds {', '.join(names[:MAX_NAMES])}{more}{meant}"
