"""Cores and memory that a container leaves, and the workers' shares of them."""

import pytest

from handler.devices.cpu_budget import cores_for_worker, cpu_budget, usable_cores


def test_the_budget_is_within_the_usable_cores() -> None:
    assert 0 < cpu_budget() <= usable_cores()


def test_workers_share_the_budget_and_each_gets_a_thread() -> None:
    most = max(1, int(cpu_budget()))
    assert cores_for_worker(1, {}) == cores_for_worker(0, {}) == (most, most, max(1, most - 1))
    assert cores_for_worker(1000, {}) == (1, most, 1)


@pytest.mark.parametrize(("requested", "threads"), [("3", 3), ("0", 1)])
def test_the_users_own_number_of_threads_is_kept(requested: str, threads: int) -> None:
    assert cores_for_worker(1000, {"OMP_NUM_THREADS": requested}) == (threads, threads, threads)
