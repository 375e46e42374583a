"""One bucket: the few calls that a model store and a document need, and their errors. All of them block."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from model_registry.object_storage.address import ObjectAddress
from model_registry.object_storage.credentials import allows_http, emulator_options, profile_options
from model_registry.object_storage.errors import ObjectNotFound, StorageError, storage_error

CHUNK_BYTES = 1 << 20
CONNECT_SECONDS = 5
MAX_RETRIES = 4
MISSING = "object storage needs the extra `cloud`: pip install 'marserve[cloud]'"


class ObjectInfo(NamedTuple):
    """An object as a listing shows it; `tag` changes with its content, `size` is in bytes."""

    key: str
    size: int
    tag: str
    modified: datetime


class Tag(NamedTuple):
    """Identifies one state of an object, for conditional writes."""

    etag: str | None
    version: str | None


class Bucket:
    """A bucket, with credentials by the platform's own chain. Failed calls are repeated, ever later, within limits.

    `idle_seconds` is the time without a byte, `retry_seconds` that of all attempts at one call.
    """

    def __init__(self, address: ObjectAddress, *, idle_seconds: float = 60.0, retry_seconds: float = 30.0) -> None:
        self.address = address
        self._seconds = (idle_seconds, retry_seconds)
        self._made: Any = None

    def __repr__(self) -> str:
        return f"<Bucket {self.address.root}>"

    def head(self, key: str) -> ObjectInfo:
        """The object; raises StorageError."""
        with self._calling("reading", key) as (library, store):
            return _info(library.head(store, key))

    def chunks(self, key: str, tag: str, offset: int) -> Iterator[bytes]:
        """The content from `offset` on, if it still has that tag; raises StorageError, also between chunks."""
        with self._calling("reading", key) as (library, store):
            options: dict[str, Any] = {"if_match": tag} if tag else {}
            if offset:
                options["range"] = {"offset": offset}
            yield from map(bytes, library.get(store, key, options=options).stream(min_chunk_size=CHUNK_BYTES))

    def names(self, prefix: str) -> list[str]:
        """The names of the objects right below a prefix; raises StorageError."""
        with self._calling("listing", prefix) as (library, store):
            found = library.list_with_delimiter(store, f"{prefix}/" if prefix else None)
            return sorted(each["path"].rpartition("/")[2] for each in found["objects"])

    def listed(self, prefix: str) -> list[ObjectInfo]:
        """The objects right below a prefix; raises StorageError."""
        with self._calling("listing", prefix) as (library, store):
            return [_info(each) for each in library.list_with_delimiter(store, f"{prefix}/")["objects"]]

    def read(self, key: str, known: str | None = None) -> tuple[bytes, Tag] | None:
        """A small object and its tag; None if it still is the one with the etag `known`. Raises StorageError."""
        with self._calling("reading", key) as (library, store):
            try:
                result = library.get(store, key, options={"if_none_match": known} if known else {})
                meta = result.meta
                return bytes(result.bytes()), Tag(meta["e_tag"], meta.get("version"))
            except library.exceptions.NotModifiedError:
                return None

    def write(self, key: str, content: bytes, replaced: Tag | None) -> Tag:
        """Write an object in place of that with the tag, or a new one; raises ObjectChanged and other StorageErrors."""
        state = {} if replaced is None else {"e_tag": replaced.etag, "version": replaced.version}
        mode: Any = {name: value for name, value in state.items() if value is not None} or "create"
        with self._calling("writing", key) as (library, store):
            made = library.put(store, key, content, mode=mode, use_multipart=False)
            return Tag(made["e_tag"], made.get("version"))

    def overwrite(self, key: str, content: bytes) -> None:
        """Write an object whatever was there; raises StorageError."""
        with self._calling("writing", key) as (library, store):
            library.put(store, key, content, use_multipart=False)

    def delete(self, key: str) -> None:
        """Delete an object; one that is gone is none that fails, as on S3. Raises StorageError."""
        with suppress(ObjectNotFound), self._calling("deleting", key) as (library, store):
            library.delete(store, key)

    @contextmanager
    def _calling(self, action: str, key: str) -> Iterator[tuple[Any, Any]]:
        """The library and the store; whatever it raises becomes a StorageError."""
        try:
            import obstore
        except ImportError:
            raise StorageError(MISSING) from None
        address = self.address._replace(key=key)
        try:
            if self._made is None:
                self._made = self._connect()
            yield obstore, self._made
        except StorageError:
            raise
        except (obstore.exceptions.BaseError, OSError, ValueError) as error:
            raise storage_error(action, address, error) from error

    def _connect(self) -> Any:
        from obstore.store import from_url

        idle, retries = self._seconds
        finders = {"s3": profile_options, "gs": emulator_options}
        options: Any = finders[self.address.scheme](os.environ) if self.address.scheme in finders else {}
        client: Any = {
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS), "read_timeout": timedelta(seconds=idle),
            "timeout": timedelta(days=1), "allow_http": allows_http(self.address.scheme, os.environ, options),
        }  # fmt: skip
        return from_url(
            self.address.root, config=options or None, client_options=client,
            retry_config={"max_retries": MAX_RETRIES, "retry_timeout": timedelta(seconds=retries)},
        )  # fmt: skip


def _info(meta: Any) -> ObjectInfo:
    return ObjectInfo(meta["path"], meta["size"], meta["e_tag"] or "", meta["last_modified"])
