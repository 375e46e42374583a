"""Threads of torch: a worker's share, less one core where there is company."""

from types import ModuleType

from handler.devices.thread_governor import ThreadGovernor


class FakeTorch(ModuleType):
    """Notes what it is told."""

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


def test_torch_is_governed_at_once_where_it_is_there() -> None:
    """Asked first: a thread's first question makes it take over what another thread set."""
    torch = FakeTorch()
    ThreadGovernor(3, {"torch": torch}).settle()
    assert torch.calls == ["get", "set 3"]


def test_torch_that_comes_later_is_governed_then_and_once() -> None:
    modules: dict[str, ModuleType] = {}
    governor = ThreadGovernor(3, modules)
    governor.settle()
    torch = modules["torch"] = FakeTorch()
    governor.settle()
    torch.set_num_threads(8)
    governor.settle()
    assert torch.calls == ["get", "set 3", "set 8"]


def test_a_module_that_is_still_being_imported_is_left_alone() -> None:
    governor = ThreadGovernor(3, {"torch": ModuleType("torch")})
    governor.settle()
    governor.adapt(company=True)


def test_with_company_a_core_is_left_to_the_event_loop_and_a_lone_client_has_all() -> None:
    torch = FakeTorch()
    governor = ThreadGovernor(4, {"torch": torch})
    governor.settle()
    seen = []
    for company in (False, True, True, False):
        governor.adapt(company=company)
        seen.append(torch.threads)
    assert seen == [4, 3, 3, 4]


def test_a_number_that_the_archive_asks_for_stays_in_company() -> None:
    torch = FakeTorch()
    governor = ThreadGovernor(4, {"torch": torch}, fixed=True)
    governor.settle()
    governor.adapt(company=True)
    assert torch.threads == 4


def test_a_single_core_stays_one_thread() -> None:
    torch = FakeTorch()
    governor = ThreadGovernor(1, {"torch": torch})
    governor.settle()
    governor.adapt(company=True)
    assert torch.threads == 1


def test_a_handler_that_sets_its_own_number_keeps_it() -> None:
    torch = FakeTorch()
    governor = ThreadGovernor(4, {"torch": torch})
    governor.settle()
    torch.set_num_threads(2)
    for company in (True, False, True):
        governor.adapt(company=company)
    assert torch.threads == 2
