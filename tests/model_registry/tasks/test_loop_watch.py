"""The versions that a watchdog knows: each reports when it becomes busy, and only then."""

from collections.abc import Sequence

from handler.workers.worker import Worker
from model_registry.tasks.loop_watch import LoopWatch


class Version:
    """A version that is busy as long as it is said to be."""

    is_watched = False
    is_busy = True
    is_loading = False
    current_workers: Sequence[Worker] = ()
    response_timeout, startup_timeout = 5.0, 7.0


def test_a_version_reports_again_after_it_was_idle() -> None:
    watch, version, reported = LoopWatch(), Version(), list[float | None]()
    watch.on_busy = reported.append
    watch.add(version)
    watch.add(version, starts_workers=True)
    assert reported == [None, 7.0]
    assert watch.versions == [version]
    version.is_loading = True
    watch.remove_idle()
    assert not version.is_watched  # once it has loaded, its first request shortens the time of a stall
    version.is_loading = False
    watch.remove_idle()
    assert version.is_watched
    version.is_busy = False
    watch.remove_idle()
    assert not version.is_watched
    assert watch.versions == []


def test_without_a_watchdog_each_version_reports_once_and_is_forgotten() -> None:
    watch, version = LoopWatch(), Version()
    watch.add(version)
    assert version.is_watched
    assert watch.versions == []
