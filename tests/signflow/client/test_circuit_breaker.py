"""SignFlow's circuit breaker: when it opens, whom it lets try, and when it comes back; by a clock of the test's own."""

import pytest

from signflow.client.circuit_breaker import LONGEST, Breaker, Circuit


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(clock: Clock) -> Breaker:
    """A breaker that has just opened for two seconds."""
    breaker = Breaker(3, 2, clock)
    for _ in range(3):
        breaker.failed()
    return breaker


def test_failures_in_a_row_open_it_and_a_success_between_starts_the_row_anew(clock: Clock) -> None:
    breaker = Breaker(3, 2, clock)
    for outcome in ("failed", "failed", "succeeded", "failed", "failed"):
        getattr(breaker, outcome)()
        assert breaker.admits()
    breaker.failed()
    assert not breaker.admits()
    assert repr(breaker) == "<Breaker open, 3 failures in a row>"


def test_after_its_time_it_lets_exactly_one_try(opened: Breaker, clock: Clock) -> None:
    clock.now += 1.9
    assert not opened.admits()
    clock.now += 0.1
    assert [opened.admits() for _ in range(3)] == [True, False, False]
    assert opened.state is Circuit.HALF_OPEN


def test_a_success_of_the_one_that_tries_closes_it(opened: Breaker, clock: Clock) -> None:
    clock.now += 2
    assert opened.admits()
    opened.succeeded()
    assert [opened.admits() for _ in range(3)] == [True, True, True]


def test_each_failed_try_doubles_the_time_up_to_the_longest_and_a_success_makes_it_short_again(
    opened: Breaker, clock: Clock
) -> None:
    for wait in (2, 4, 8, 16, 32, LONGEST, LONGEST):
        clock.now += wait - 0.1
        assert not opened.admits()
        clock.now += 0.1
        assert opened.admits()
        opened.failed()
    clock.now += LONGEST
    assert opened.admits()
    opened.succeeded()
    for _ in range(3):
        opened.failed()
    clock.now += 2
    assert opened.admits()


def test_a_try_that_told_nothing_leaves_its_place_to_the_next(opened: Breaker, clock: Clock) -> None:
    clock.now += 2
    assert opened.admits()
    opened.told_nothing()
    assert [opened.admits() for _ in range(2)] == [True, False]


def test_late_failures_of_earlier_requests_do_not_make_it_stay_open_longer(opened: Breaker, clock: Clock) -> None:
    clock.now += 1
    opened.failed()
    clock.now += 1
    assert opened.admits()
