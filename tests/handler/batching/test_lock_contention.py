"""The search for code that keeps the interpreter's lock: rounds of samples with a clock of their own, and real ones."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import pytest

from handler.batching import lock_contention
from handler.batching.lock_contention import (
    MAX_REST_SECONDS,
    MAX_ROUND_SECONDS,
    MIN_ROUND_SAMPLES,
    ROUND_SAMPLES,
    SETTLING_SECONDS,
    LockContention,
    LockProbe,
    core_wait_seconds,
    sample_lock_wait,
)

SAMPLE_SECONDS = 0.01


class Probe(LockProbe):
    """Takes no samples by itself."""

    def add(self, contention: LockContention) -> None:
        self.contention: LockContention | None = contention


class Batches(NamedTuple):
    """Batches that take so long, and compute so long; of the samples that part waits for the lock, in turn."""

    wall: float = 0.006
    cpu: float = 0.006
    long_waits: float = 0.6


class Version:
    """A version that is always busy, with a clock that its batches move on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.cpu = 100.0, 1.0
        self.probe = Probe()
        self.allowed, self.questions = True, 0
        self.sample_seconds = SAMPLE_SECONDS
        self.contention = LockContention(self.probe, self.may_move)
        self.rounds = 0
        monkeypatch.setattr(lock_contention, "monotonic", lambda: self.now)
        monkeypatch.setattr(lock_contention, "thread_time", lambda: self.cpu)

    def may_move(self) -> bool:
        self.questions += 1
        return self.allowed

    def serve(self, seconds: float, batches: Batches, others: tuple[LockContention, ...] = ()) -> None:
        end, sampled_at, waited = self.now + seconds, self.now, 0.0
        while self.now < end and not self.contention.is_found:
            started_at = self.contention.start()
            self.now, self.cpu = self.now + batches.wall, self.cpu + batches.cpu
            self.contention.finish(started_at)
            while sampled_at < self.now:
                sampled_at += self.sample_seconds
                waited += batches.long_waits
                is_long, waited = waited >= 1, waited % 1
                self.sample(0.004 if is_long else 0.0001, {self.contention, *others})

    def sample(self, wait: float, involved: set[LockContention]) -> None:
        probed = getattr(self.probe, "contention", None)
        if probed is not None and not probed.record(wait, involved):
            self.probe.contention = None
            self.rounds += 1


@pytest.fixture
def version(monkeypatch: pytest.MonkeyPatch) -> Version:
    return Version(monkeypatch)


def test_code_that_keeps_the_lock_is_found_within_its_first_seconds(version: Version) -> None:
    version.serve(3.0, Batches())
    assert version.contention.is_found
    assert (version.rounds, version.questions) == (2, 1)


@pytest.mark.parametrize(
    "batches",
    [Batches(long_waits=0.1), Batches(long_waits=0.4), Batches(cpu=0.0015), Batches(wall=0.5, cpu=0.0), Batches(cpu=0)],
    ids=["outside of the lock", "half of it outside", "short batches", "a network", "sleep"],
)
def test_other_code_is_not(version: Version, batches: Batches) -> None:
    version.serve(10 * MAX_REST_SECONDS, batches)
    assert version.rounds > 1
    assert not version.questions


def test_code_that_keeps_the_lock_is_found_on_a_busy_machine(version: Version) -> None:
    version.sample_seconds = 0.1
    version.serve(10.0, Batches())
    assert version.contention.is_found


def test_few_samples_decide_nothing(version: Version) -> None:
    version.sample_seconds = MAX_ROUND_SECONDS / (MIN_ROUND_SAMPLES - 2)
    version.serve(10 * MAX_REST_SECONDS, Batches(long_waits=1.0))
    assert version.rounds > 1
    assert not version.questions


def test_one_round_is_not_enough(version: Version) -> None:
    version.serve(SETTLING_SECONDS + 1.1 * ROUND_SAMPLES * SAMPLE_SECONDS, Batches())
    assert version.rounds == 1
    version.serve(3.0, Batches(long_waits=0.1))
    assert (version.rounds, version.questions) == (2, 0)


def test_rounds_that_find_nothing_become_rare(version: Version) -> None:
    version.serve(600.0, Batches(wall=0.05, cpu=0.05, long_waits=0.1))
    assert version.rounds < 16


def test_code_that_begins_later_is_found_later(version: Version) -> None:
    version.serve(30.0, Batches(long_waits=0.1))
    version.serve(2 * MAX_REST_SECONDS, Batches())
    assert version.contention.is_found


def test_no_samples_count_while_another_version_runs(version: Version) -> None:
    other = LockContention(version.probe, version.may_move)
    version.serve(100.0, Batches(), (other,))
    assert version.rounds > 1
    assert not version.contention.is_found


def test_a_move_that_is_not_allowed_is_not_asked_for_again(version: Version) -> None:
    version.allowed = False
    version.serve(10 * MAX_REST_SECONDS, Batches())
    assert not version.contention.is_found
    assert (version.questions, version.rounds) == (1, 2)


def test_a_probe_runs_while_a_round_lasts() -> None:
    asked, release, ended = Event(), Event(), Event()

    def sample(seconds: float) -> float:
        asked.set()
        assert release.wait(10)
        return 0.004

    probe = LockProbe(sample)
    contention = LockContention(probe, lambda: not ended.set())
    results: Iterator[bool] = iter([True, False])

    def record(wait: float, involved: set[LockContention]) -> bool:
        goes_on = next(results)
        if not goes_on:
            ended.set()
        return goes_on

    contention.record = record  # type: ignore[method-assign]
    probe.add(contention)
    assert asked.wait(10)
    assert "1 versions" in repr(probe)
    release.set()
    assert ended.wait(10)


@pytest.mark.parametrize("keeps_lock", [True, False])
def test_a_real_sample_is_long_only_beside_python_code(keeps_lock: bool) -> None:
    stopped = Event()

    def compute() -> None:
        while not stopped.is_set():
            sum(range(1000)) if keeps_lock else stopped.wait(1)

    thread = Thread(target=compute)
    thread.start()
    waits = sorted(sample_lock_wait(0.002) for _ in range(15))
    stopped.set()
    thread.join()
    assert (waits[7] >= lock_contention.LONG_WAIT_SECONDS) is keeps_lock


def test_the_wait_for_a_core_is_nothing_where_the_system_does_not_tell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert core_wait_seconds() >= 0
    monkeypatch.setattr(lock_contention, "RUN_QUEUE", tmp_path / "none")
    assert core_wait_seconds() == 0
