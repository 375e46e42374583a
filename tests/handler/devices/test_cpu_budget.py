"""Cores and memory that a container leaves, and the workers' shares of them."""

import pytest

from handler.devices.cpu_budget import Cores, cores_for_worker, cpu_budget, fixed_cores, usable_cores


def test_the_budget_is_within_the_usable_cores() -> None:
    assert 0 < cpu_budget() <= usable_cores()


def test_workers_share_the_budget_and_each_gets_a_thread() -> None:
    most = max(1, int(cpu_budget()))
    assert cores_for_worker(1, {}) == cores_for_worker(0, {}) == (most, most, 1)
    assert cores_for_worker(1000, {}) == (1, most, 1)


@pytest.mark.parametrize(("requested", "threads"), [("3", 3), ("0", 1)])
def test_the_users_own_number_of_threads_is_kept(requested: str, threads: int) -> None:
    assert cores_for_worker(1000, {"OMP_NUM_THREADS": requested}) == (threads, threads, threads)


@pytest.mark.parametrize(
    ("cores", "candidates"),
    [
        (Cores(1, 1, 1), [1]), (Cores(2, 2, 1), [2, 1]), (Cores(4, 4, 1), [4, 3, 2, 1]),
        (Cores(16, 16, 1), [16, 15, 8, 4, 1]), (fixed_cores(6), [6]),
    ],
)  # fmt: skip
def test_fewer_threads_are_candidates_unless_the_number_is_fixed(cores: Cores, candidates: list[int]) -> None:
    assert cores.candidates(cores.share) == candidates
