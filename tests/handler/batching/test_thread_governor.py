"""Threads of torch: all cores for a lone client; under load a worker's share or fewer, whichever is faster."""

from types import ModuleType

import pytest

from handler.batching.thread_governor import ThreadGovernor
from handler.devices.cpu_budget import Cores, fixed_cores


class FakeTorch(ModuleType):
    """Records the calls."""

    def __init__(self) -> None:
        super().__init__("torch")
        self.calls: list[str] = []
        self.threads = 2

    def get_num_threads(self) -> int:
        self.calls.append("get")
        return self.threads

    def set_num_threads(self, threads: int) -> None:
        self.calls.append(f"set {threads}")
        self.threads = threads


def test_torch_gets_the_share_at_once_if_it_is_imported() -> None:
    """The first `get` of a thread takes over the number that another thread set."""
    torch = FakeTorch()
    ThreadGovernor(Cores(3, 3, 2), {"torch": torch}).apply_share()
    assert torch.calls == ["get", "set 3"]


def test_torch_that_is_imported_later_gets_the_share_once() -> None:
    modules: dict[str, ModuleType] = {}
    governor = ThreadGovernor(Cores(3, 3, 2), modules)
    governor.apply_share()
    torch = modules["torch"] = FakeTorch()
    governor.apply_share()
    torch.set_num_threads(8)
    governor.apply_share()
    assert torch.calls == ["get", "set 3", "set 8"]


def test_a_module_that_is_still_being_imported_is_left_alone() -> None:
    governor = ThreadGovernor(Cores(3, 3, 2), {"torch": ModuleType("torch")})
    governor.apply_share()
    governor.choose(concurrent=True)


def test_a_lone_client_has_all_cores_and_several_have_the_share() -> None:
    torch = FakeTorch()
    governor = ThreadGovernor(Cores(4, 8, 3), {"torch": torch})
    governor.apply_share()
    seen = [torch.threads]
    for concurrent in (False, True, True, False):
        governor.choose(concurrent=concurrent)
        seen.append(torch.threads)
    assert seen == [4, 8, 4, 4, 8]


@pytest.mark.parametrize("fastest", [4, 3, 2, 1])
def test_under_load_the_fastest_number_stays(fastest: int) -> None:
    torch = FakeTorch()
    governor = ThreadGovernor(Cores(4, 4, 1), {"torch": torch})
    governor.apply_share()
    for _ in range(80):
        governor.choose(concurrent=True)
        governor.record(2, 0.1 * (1 + abs(torch.threads - fastest)))
    threads, decision = governor.tuning
    assert threads == fastest
    assert (decision is None) == (fastest == 4)


def test_quick_batches_get_one_thread() -> None:
    torch = FakeTorch()
    governor = ThreadGovernor(Cores(4, 4, 1), {"torch": torch})
    governor.apply_share()
    for _ in range(20):
        governor.choose(concurrent=True)
        governor.record(2, 0.001)
    assert governor.tuning[0] == torch.threads == 1


def test_a_number_that_the_archive_asks_for_stays_under_load() -> None:
    torch = FakeTorch()
    governor = ThreadGovernor(fixed_cores(4), {"torch": torch})
    governor.apply_share()
    governor.choose(concurrent=True)
    assert torch.threads == 4


def test_a_single_core_stays_one_thread() -> None:
    torch = FakeTorch()
    governor = ThreadGovernor(Cores(1, 1, 1), {"torch": torch})
    governor.apply_share()
    governor.choose(concurrent=True)
    assert torch.threads == 1


def test_a_handler_that_sets_its_own_number_keeps_it() -> None:
    torch = FakeTorch()
    governor = ThreadGovernor(Cores(4, 4, 3), {"torch": torch})
    governor.apply_share()
    torch.set_num_threads(2)
    for concurrent in (True, False, True):
        governor.choose(concurrent=concurrent)
    assert torch.threads == 2
