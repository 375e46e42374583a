"""The versions whose workers may keep the interpreter's lock, for a watchdog of the event loop."""

from collections.abc import Callable, Sequence
from typing import Protocol

from handler.workers.worker import Worker


class WatchedVersion(Protocol):
    """A version as a watchdog sees it. Times are in seconds."""

    is_watched: bool
    """Whether it is known to serve; if not, it reports each request before a worker gets it."""

    @property
    def is_busy(self) -> bool:
        """Whether requests are open, or workers load or end."""

    @property
    def is_loading(self) -> bool:
        """Whether workers load."""

    @property
    def current_workers(self) -> Sequence[Worker]:
        """Its workers, those included that are to end."""

    @property
    def response_timeout(self) -> float:
        """The time that a batch may take."""

    @property
    def startup_timeout(self) -> float:
        """The time that the load of a worker may take."""


class LoopWatch:
    """Knows the versions that are busy.

    `on_busy` is called before one works, with the seconds that it has for a load if it is to start workers. Without it
    no version is watched, and each reports once.
    """

    def __init__(self) -> None:
        self.on_busy: Callable[[float | None], object] | None = None
        self.versions: list[WatchedVersion] = []

    def __repr__(self) -> str:
        return f"<LoopWatch, {len(self.versions)} versions busy>"

    def add(self, version: WatchedVersion, *, starts_workers: bool = False) -> None:
        """Watch a version that is about to work, or to start workers."""
        version.is_watched = self.on_busy is None or not starts_workers
        if self.on_busy is not None:
            if version not in self.versions:
                self.versions.append(version)
            self.on_busy(version.startup_timeout if starts_workers else None)

    def remove_idle(self) -> None:
        """Let go of the versions that are idle. They will report again, as will those whose loads end meanwhile."""
        self.versions, known = [version for version in self.versions if version.is_busy], self.versions
        for version in known:
            version.is_watched = version in self.versions and not version.is_loading
