"""Two profilers of torch never meet."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from handler.isolation.torch import profiling
from tests.support.one_worker import OneWorker

torch = pytest.importorskip("torch")


@pytest.fixture
def installed(tmp_path: Path) -> None:
    """Changes of torch by workers hold."""
    OneWorker(tmp_path).close()


def profile(inside: threading.Event, go: threading.Event) -> int:
    """Profile an operation between two events; the number of operations seen."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        inside.set()
        go.wait()
        torch.ones(2) * 2
    return len(profiler.key_averages())


@pytest.mark.usefixtures("installed")
def test_a_second_profiler_waits_for_the_first() -> None:
    """Two at once end the process with a segmentation fault."""
    first, second, go = threading.Event(), threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as threads:
        counts = [threads.submit(profile, first, go)]
        first.wait()
        counts.append(threads.submit(profile, second, go))
        assert not second.is_set()
        go.set()
        assert all(count.result() > 0 for count in counts)


@pytest.mark.usefixtures("installed")
def test_a_profiler_that_is_never_stopped_makes_no_other_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiling, "LOCK_TIMEOUT_SECONDS", 0.01)
    inside, go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as other:
        hanging = other.submit(profile, inside, go)
        inside.wait()
        with pytest.raises(RuntimeError, match=r"Another model's profiler has not been stopped for 0\.01 s"):
            profile(threading.Event(), go)
        go.set()
        assert hanging.result() > 0
    assert profile(threading.Event(), go) > 0
