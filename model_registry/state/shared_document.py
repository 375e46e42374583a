"""A replica's view of the document: read when it has changed, changed by compare-and-set. All calls block."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from handler.server_random import RANDOM
from model_registry.object_storage.bucket import Tag
from model_registry.object_storage.errors import ObjectChanged, ObjectNotFound, StorageError
from model_registry.state.document import Document
from model_registry.state.document_store import DocumentStore
from model_registry.state.errors import StateConflict, StateUnavailable

LOG = logging.getLogger("marserve.state")
MAX_ATTEMPTS = 12
FIRST_PAUSE_SECONDS = 0.01
Change = Callable[[Document], Document]


class SharedDocument:
    """Reads and changes the document; thread-safe."""

    def __init__(self, store: DocumentStore, pause: Callable[[float], object] = time.sleep) -> None:
        self._store = store
        self._pause = pause
        self._lock = Lock()
        self._tag: Tag | None = None
        self._document: Document | None = None
        self.conflict_count = 0
        """Changes that another one overtook, and that were applied anew."""

    def __repr__(self) -> str:
        return f"<SharedDocument at revision {self._document.revision if self._document else 'none'}>"

    @property
    def known(self) -> Document | None:
        """The document as it was read or written last."""
        return self._document

    def read(self) -> Document | None:
        """The document as it is now, None if there is none yet; raises StateUnavailable and InvalidDocument."""
        with self._lock:
            return self._read()

    def change(self, change: Change) -> Document:
        """Apply a change to the document as it is now, and store it; returns the document that is stored.

        A change that another one overtakes is applied anew. It is a pure function, and changes nothing where it has
        been applied before: an answer of the store may get lost. Raises StateUnavailable, StateConflict,
        StateTooLarge, InvalidDocument, and what the change raises.
        """
        with self._lock:
            for attempt in range(MAX_ATTEMPTS):
                present = self._read_for_change()
                changed = change(present)
                if changed == present and self._tag is not None:
                    return present
                stored = replace(changed, revision=present.revision + 1)
                try:
                    self._tag = self._store.write(stored.to_bytes(), self._tag)
                except ObjectChanged:
                    self.conflict_count += 1
                    self._pause(FIRST_PAUSE_SECONDS * 2 ** min(attempt, 6) * RANDOM.uniform(0.5, 1.5))
                except StorageError as error:
                    raise StateUnavailable(f"Nothing was changed. {error}") from error
                else:
                    self._document = stored
                    return stored
        raise StateConflict(f"Nothing was changed: others changed the state {MAX_ATTEMPTS} times meanwhile. Try again.")

    def _read_for_change(self) -> Document:
        try:
            return self._read() or Document()
        except StateUnavailable as error:
            raise StateUnavailable(f"Nothing was changed. {error}") from error

    def _read(self) -> Document | None:
        try:
            found = self._store.read(self._tag)
        except ObjectNotFound:
            self._tag = self._document = None
            return None
        except StorageError as error:
            raise StateUnavailable(f"The shared state is away: {error}") from error
        if found is not None:
            content, tag = found
            self._document = Document.parse(content)
            self._tag = tag
        return self._document
