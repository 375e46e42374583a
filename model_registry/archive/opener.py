"""Opens archives for the event loop, on threads that serve nothing else."""

from collections.abc import Callable
from typing import Any, TypeVar

from model_registry.archive.archive import Archive
from model_registry.archive.store import ModelStore, Source
from model_registry.errors import TooManyRegistrations
from model_registry.tasks.thread_pool import PoolFull, ThreadPool

T = TypeVar("T")
MAX_DOWNLOADS = 32
MAX_UNPACKING = 4
MAX_WAITING = 256


class ArchiveOpener:
    """Downloads on some threads and unpacks on others, so that slow downloads keep no other archive from being opened.

    Downloads beyond the limit are refused; archives beyond the limit wait for their turn.
    """

    def __init__(self, store: ModelStore, max_downloads: int = MAX_DOWNLOADS) -> None:
        self._store = store
        self._downloads = ThreadPool("download", max_downloads, queue_size=0)
        self._files = ThreadPool("unpack", MAX_UNPACKING, MAX_WAITING)

    def __repr__(self) -> str:
        return f"<ArchiveOpener {self._downloads} {self._files}>"

    async def open(self, url: str) -> Archive:
        """The archive at `url`. Raises the errors of ModelStore.open, and TooManyRegistrations."""
        return await self.run(self._store.unpack, url, await self._locate(url))

    async def run(self, call: Callable[..., T], *arguments: Any) -> T:
        """Read files of an archive; raises TooManyRegistrations and what the call raises."""
        try:
            return await self._files.run(call, *arguments)
        except PoolFull as reason:
            raise TooManyRegistrations(str(reason)) from None

    async def _locate(self, url: str) -> Source:
        if not self._store.is_download(url):
            return await self.run(self._store.locate, url)
        try:
            return await self._downloads.run(self._store.locate, url)
        except PoolFull as reason:
            raise TooManyRegistrations(str(reason)) from None
