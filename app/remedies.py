"""Cause and remedy of registrations that fail, for those who may manage the server."""

from collections.abc import Iterable
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
from model_registry.object_storage.address import is_object_url

EXPLAINED = (DownloadFailed, InvalidModel, PackagesFailed, SaveFailed, WorkersFailed)
"""Errors of registrations whose cause is for the operator."""
SCHEMES = ("https", "http", "file", "s3", "gs", "az")
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


def similar_path(path: str, paths: Iterable[str]) -> str:
    """A question whether a path with another first segment is meant, "" if no first segment is like that one."""
    first, *others = path.strip("/").split("/")
    known = {each.split("/")[1] for each in paths} - {"", first}
    return "".join(f"Is {'/'.join(('', near, *others))} meant? " for near in get_close_matches(first, known, n=1))


def _contents(error: ArchiveNotFound, store: ModelStore) -> str:
    """The reason that nothing is at an address; else the folder of the store, and the archives in it."""
    if is_object_url(error.url):
        return "there is no such object, or allowed_urls does not allow the address"
    scheme, separator, _ = error.url.partition("://")
    if separator:
        return f"{scheme}: is no address of archives; {', '.join(SCHEMES)} are, as far as allowed_urls says"
    names = store.local_names()
    if not names:
        return f"{store.folder} holds no archives"
    near = get_close_matches(file_name(error.url), names, n=1)
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    meant = f"; is {near[0]} meant?" if near else ""
    return f"{store.folder} holds {', '.join(names[:MAX_NAMES])}{more}{meant}"
